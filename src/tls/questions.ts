/** What we ask of the peer's certificates: the same extensions in a ClientHello and in a CertificateRequest (RFC 9846 §4.3). */

import { EMPTY } from '../base/bytes.ts';
import { schemeByName } from '../crypto/suites.ts';
import type { ClientGrease } from './grease.ts';
import { ExtensionType } from './messages/codePoints.ts';
import type { Extension } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { Settings } from './settings.ts';

export function certificateQuestions(
  { config, schemes }: Settings,
  home: 'client_hello' | 'certificate_request',
  grease?: ClientGrease,
): Extension[] {
  const { certificateSchemes, certificateAuthorities, requestStatus, compression } = config;
  // A server's request for a staple is empty (§4.5.1.1).
  const status =
    home === 'client_hello' ? ext.statusRequest : { type: ExtensionType.statusRequest, data: EMPTY };
  return [
    ext.signatureAlgorithms([...(grease ? [grease.scheme] : []), ...schemes.map(({ id }) => id)]),
    ...(certificateSchemes
      ? [ext.signatureAlgorithmsCert(certificateSchemes.map((name) => schemeByName(name).id))]
      : []),
    ...(certificateAuthorities.length > 0 ? [ext.certificateAuthorities(certificateAuthorities)] : []),
    ...(requestStatus ? [status, ext.timestampRequest] : []),
    ...(compression.length > 0 ? [ext.compressCertificate(compression.map(({ id }) => id))] : []),
  ];
}

const NOTHING: ReadonlySet<number> = new Set();
const STATUS: ReadonlySet<number> = new Set([
  ExtensionType.statusRequest,
  ExtensionType.signedCertificateTimestamp,
]);

/** What a Certificate may answer of it. */
export function answerableInCertificate({ config }: Settings): ReadonlySet<number> {
  return config.requestStatus ? STATUS : NOTHING;
}
