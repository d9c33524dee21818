/** A `TlsConfig` as OpenSSL takes it through node:tls, and what of it OpenSSL cannot do: that is refused by name. */
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { PrivateKey, Signer } from '../crypto/provider.ts';
import { GROUPS, type GroupName, type KeyKind, SCHEMES, SUITES } from '../crypto/suites.ts';
import { formatPem } from '../identity/index.ts';
import {
  type ClientContext,
  type Credential,
  ServerContext,
  type TlsConfig,
  TlsError,
} from '../tls/index.ts';

/** OpenSSL's smallest fragment (SSL_CTX_set_max_send_fragment). */
const MIN_FRAGMENT = 512;

const GROUP_NAMES: Readonly<Record<GroupName, string>> = {
  x25519: 'X25519',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
  X25519MLKEM768: 'X25519MLKEM768',
};

/** What every OpenSSL 3 has: the hybrid needs 3.5, and is used when the configuration names it. */
const DEFAULT_GROUPS: readonly GroupName[] = GROUPS.filter(
  ({ name, byDefault }) => byDefault && name !== 'X25519MLKEM768',
).map(({ name }) => name);

/** OpenSSL holds one certificate for each of these, whatever the curve. */
const CERTIFICATE_SLOT: Readonly<Record<KeyKind, string>> = {
  ed25519: 'ed25519',
  p256: 'ecdsa',
  p384: 'ecdsa',
  p521: 'ecdsa',
  rsa: 'rsa',
  'rsa-pss': 'rsa-pss',
};

/**
 * Fields that promise something: to leave one out silently would break the promise. What only saves time or bytes
 * (tickets, early data, compression, GREASE) is left out instead.
 */
const REFUSED: readonly (readonly [field: string, isUsed: (config: TlsConfig) => boolean, why: string])[] = [
  ['chooseCredential', (c) => c.chooseCredential !== undefined, 'node:tls fixes the certificates beforehand'],
  ['certificateTypes', (c) => !c.certificateTypes.includes('x509'), 'node:tls has no raw public keys'],
  ['externalPsks', (c) => c.externalPsks.length > 0, 'node:tls has no RFC 9258 importer'],
  ['requestStatus', (c) => c.requestStatus, 'node:tls does not give timestamps to the verifier'],
  ['retryCookie', (c) => c.retryCookie, 'node:tls has no stateless retry'],
  ['recordSizeLimit', (c) => c.recordSizeLimit !== undefined, 'OpenSSL has no RFC 8449'],
  ['padTo', (c) => c.padTo > 1, 'node:tls does not set padding'],
  [
    'maxPlaintext',
    (c) => c.maxPlaintext < MIN_FRAGMENT,
    `OpenSSL has no records below ${MIN_FRAGMENT} bytes`,
  ],
];

/** Throws TlsError `ERR_TLS_CONFIG` that names the field. Made once for each context: reading keys costs more than a handshake. */
export function opensslContext(context: ClientContext | ServerContext): SecureContext {
  let made = known.get(context);
  if (made === undefined) known.set(context, (made = translate(context)));
  return made;
}

const known = new WeakMap<ClientContext | ServerContext, SecureContext>();

function translate(context: ClientContext | ServerContext): SecureContext {
  const { config } = context;
  if (context instanceof ServerContext && context.chooses)
    throw cannot('choose', 'node:tls cannot show a whole ClientHello');
  for (const [field, isUsed, why] of REFUSED) if (isUsed(config)) throw cannot(field, why);
  const options: SecureContextOptions = {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: (config.suites ?? SUITES.map(({ name }) => name)).join(':'),
    honorCipherOrder: true,
    ecdhCurve: (config.groups ?? DEFAULT_GROUPS).map((name) => GROUP_NAMES[name]).join(':'),
    sigalgs: (config.schemes ?? SCHEMES.map(({ name }) => name)).join(':'),
    ca: [], // nobody is believed by OpenSSL: the verifier decides
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...certificates(config),
  };
  try {
    return createSecureContext(options);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new TlsError('ERR_TLS_CONFIG', `OpenSSL refuses the configuration: ${text}`, { cause });
  }
}

function certificates({ credentials, schemes }: TlsConfig): SecureContextOptions {
  const slots = new Map<string, number>();
  credentials.forEach(({ signer, chain }, at) => {
    const field = `credentials[${at}]`;
    if (chain.length === 0) throw cannot(field, 'node:tls has no raw public keys');
    const slot = CERTIFICATE_SLOT[signer.kind];
    if (slots.has(slot))
      throw cannot(
        field,
        `OpenSSL holds one ${slot} certificate, and credentials[${slots.get(slot)}] is one`,
      );
    slots.set(slot, at);
    if (schemes !== undefined && !signer.schemes.some((name) => schemes.includes(name)))
      throw cannot(field, 'OpenSSL signs only with what `schemes` accepts from the peer');
  });
  return {
    cert: credentials.map(({ chain }) => chain.map((der) => formatPem('CERTIFICATE', der)).join('')),
    key: credentials.map((credential, at) => privateKeyPem(credential, at)),
  };
}

function privateKeyPem({ signer }: Credential, at: number): string {
  if (!isPrivateKey(signer))
    throw cannot(
      `credentials[${at}].signer`,
      'its key cannot be exported, and OpenSSL must hold the key itself',
    );
  return formatPem('PRIVATE KEY', signer.dangerousExport());
}

function isPrivateKey(signer: Signer): signer is PrivateKey {
  return 'dangerousExport' in signer && typeof signer.dangerousExport === 'function';
}

function cannot(field: string, why: string): TlsError {
  return new TlsError('ERR_TLS_CONFIG', `${field}: ${why}`, {
    hint: 'use secure, the engine of this library',
  });
}
