/** From options to a connection. The verifier is for tests only: it believes whoever the runner says to believe. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isQ2qError } from '../../../src/base/errors.ts';
import { provider } from '../../../src/crypto/node.node.ts';
import type { Signer } from '../../../src/crypto/provider.ts';
import type { SchemeName } from '../../../src/crypto/suites.ts';
import { SCHEMES } from '../../../src/crypto/suites.ts';
import { parseCertificate, parsePemAs, peerId, Refusal } from '../../../src/identity/index.ts';
import { provePeer } from '../../../src/identity/proofs.ts';
import type {
  AlertName,
  ClientHelloInfo,
  Credential,
  PeerVerifier,
  TlsConnection,
} from '../../../src/tls/index.ts';
import { ClientContext, ServerContext } from '../../../src/tls/index.ts';
import type { Options } from './options.ts';
import { Unimplemented } from './options.ts';

/** What the shim saw beside the connection's own events. */
export interface Watch {
  hello?: ClientHelloInfo;
  keyLog: string[];
}

/** What the runner takes for the default: Ed25519 only where it is asked for. */
const DEFAULT_SCHEMES: readonly SchemeName[] = SCHEMES.map(({ name }) => name).filter(
  (name) => name !== 'ed25519',
);

/** A refusal with the alert that the runner waits for: BoringSSL's two ways to refuse differ in it. */
class AskedRefusal extends Refusal {
  override readonly alert: Refusal['alert'];

  constructor(alert: AlertName) {
    super('ERR_IDENTITY_DENIED', 'the runner asks for a refusal');
    this.alert = alert as Refusal['alert'];
  }
}

function verifier({ verifyFail, verifyPeer, customVerify, requireClientCertificate }: Options): PeerVerifier {
  const mayRefuse = verifyPeer || requireClientCertificate; // else the runner wants the failure noted and ignored
  return {
    verify({ chain }) {
      if (verifyFail && mayRefuse)
        return new AskedRefusal(customVerify ? 'certificate_unknown' : 'handshake_failure');
      const leaf = parseCertificate(chain[0]!);
      const identity = { keyId: peerId(leaf.spki), assurance: 'key', expiresAt: leaf.notAfter } as const;
      return provePeer(identity, [leaf]);
    },
  };
}

export function readChain(file: string): Uint8Array[] {
  return parsePemAs('CERTIFICATE', readFileSync(file, 'utf8'));
}

function readSigner(file: string): Signer {
  const key = createPrivateKey(readFileSync(file));
  try {
    return provider.importKey(new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })));
  } catch (error) {
    if (isQ2qError(error)) throw new Unimplemented(`key ${file}: ${error.message}`);
    throw error;
  }
}

/** In the runner's order of preference, which a signer of ours gives by its list. */
function preferring(signer: Signer, { signingPrefs }: Options): Signer {
  if (signingPrefs === undefined) return signer;
  const { kind, spki } = signer;
  const schemes = signingPrefs.filter((name) => signer.schemes.includes(name));
  if (schemes.length === 0) throw new Unimplemented('no signature scheme for this key');
  return { kind, spki, schemes, sign: (scheme, message) => signer.sign(scheme, message) };
}

function credentials(options: Options): Credential[] {
  const { certFile, keyFile } = options;
  if (certFile === undefined || keyFile === undefined) return [];
  return [{ chain: readChain(certFile), signer: preferring(readSigner(keyFile), options) }];
}

function alpnOf({ server, advertiseAlpn, selectAlpn, rejectAlpn }: Options): string[] {
  if (!server) return advertiseAlpn;
  if (rejectAlpn) return ['none-that-a-client-offers'];
  return selectAlpn === undefined ? [] : [selectAlpn];
}

export function connect(options: Options, watch: Watch): TlsConnection {
  const { server, verifyPeer, requireClientCertificate, chooser, hostName } = options;
  const config = {
    verifier: verifier(options),
    credentials: credentials(options),
    alpn: alpnOf(options),
    requireAlpn: false,
    clientCertificate: requireClientCertificate ? 'require' : verifyPeer ? 'request' : 'none',
    keyLog: (line: string) => watch.keyLog.push(line),
    schemes: options.verifyPrefs ?? DEFAULT_SCHEMES,
    ...(options.curves && { groups: options.curves }),
    ...(options.maxSendFragment !== undefined && { maxPlaintext: options.maxSendFragment }),
  } as const;
  if (!server) {
    const context = new ClientContext(config, provider);
    return context.connect(hostName === undefined ? {} : { serverName: hostName });
  }
  const context = new ServerContext(config, provider);
  const front = new ServerContext(config, provider, {
    choose(hello) {
      watch.hello = hello;
      if (chooser === 'fails') throw new Error('the runner asks for a failing choice');
      return context;
    },
  });
  return front.accept();
}
