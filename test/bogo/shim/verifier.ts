/** For tests only: it believes whoever the runner says to believe. */
import { parseCertificate, peerId, Refusal, verifyRawKey } from '../../../src/identity/index.ts';
import { provePeer } from '../../../src/identity/proofs.ts';
import type { AlertName, PeerVerifier } from '../../../src/tls/index.ts';
import type { Options } from './options.ts';
import type { Watch } from './watch.ts';

/** A refusal with the alert that the runner waits for: BoringSSL's ways to refuse differ in it. */
class AskedRefusal extends Refusal {
  override readonly alert: Refusal['alert'];

  constructor(what: string, alert: AlertName) {
    super('ERR_IDENTITY_DENIED', `the runner asks for a refusal of ${what}`);
    this.alert = alert as Refusal['alert'];
  }
}

export function verifierFor(options: Options, watch: Watch): PeerVerifier {
  const { verifyFail, verifyPeer, customVerify, requireClientCertificate, reverifyOnResume } = options;
  const { acceptedTypes, server, ocspCallback, ocspCallbackFails, maxCertList } = options;
  // Else the runner wants the failure noted and ignored.
  const mayRefuse = verifyPeer || requireClientCertificate || acceptedTypes !== undefined;
  return {
    verify(presented) {
      watch.presented = presented;
      if (presented.chain.reduce((sum, { length }) => sum + length, 0) > maxCertList)
        return new AskedRefusal(`more than ${maxCertList} bytes of certificates`, 'illegal_parameter');
      const isAsked = !presented.resumed || reverifyOnResume; // BoringSSL's callback is not, by default
      if (verifyFail && mayRefuse && isAsked)
        return new AskedRefusal('the peer', customVerify ? 'certificate_unknown' : 'handshake_failure');
      if (!server && ocspCallback && ocspCallbackFails)
        return new AskedRefusal('its OCSP staple', 'bad_certificate_status_response');
      const { rawKey } = presented;
      if (rawKey !== undefined) return verifyRawKey(rawKey, { kind: 'key', id: peerId(rawKey) });
      const leaf = parseCertificate(presented.chain[0]!);
      const identity = { keyId: peerId(leaf.spki), assurance: 'key', expiresAt: leaf.notAfter } as const;
      return provePeer(identity, [leaf]);
    },
  };
}
