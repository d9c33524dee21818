/** CertificateVerify (RFC 9846 §4.5.2) and the content it signs. */
import type { Bytes } from '../../base/bytes.ts';
import { concat, utf8 } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { encodeMessage } from './handshake.ts';

export interface CertificateVerify {
  readonly scheme: number;
  readonly signature: Uint8Array;
}

export function encodeCertificateVerify(scheme: number, signature: Uint8Array): Bytes {
  return encodeMessage('certificate_verify', (w) => w.u16(scheme).vector(2, () => w.bytes(signature)));
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new Reader(body);
  const scheme = reader.u16();
  const signature = reader.vector(2);
  reader.end();
  return { scheme, signature };
}

const PREFIX = ' '.repeat(64);

/** 64 spaces, a text that names the signer's role, a zero byte, the transcript hash. */
export function signedContent(role: 'client' | 'server', transcript: Uint8Array): Bytes {
  return concat([utf8(`${PREFIX}TLS 1.3, ${role} CertificateVerify\0`), transcript]);
}
