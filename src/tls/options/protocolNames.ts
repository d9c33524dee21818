/** Names of application protocols as a type of their own: a text that merely looks like one does not compile. */
import { invalid } from './invalid.ts';

declare const brand: unique symbol;

/** An ALPN protocol name (RFC 7301): from `ALPN`, or checked by `protocolName`. */
export type ProtocolName = string & { readonly [brand]: 'ProtocolName' };

/** 1 to 255 characters of printable ASCII. */
export function protocolName(text: string): ProtocolName {
  if (typeof text !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(text))
    throw invalid('alpn', `${JSON.stringify(text)} is not 1 to 255 printable ASCII characters`);
  return text as ProtocolName;
}

/** Registered names that people mistype (IANA, TLS ALPN Protocol IDs). */
export const ALPN: Readonly<
  Record<
    | 'http11'
    | 'h2'
    | 'imap'
    | 'pop3'
    | 'managesieve'
    | 'xmppClient'
    | 'xmppServer'
    | 'acme'
    | 'mqtt'
    | 'postgresql'
    | 'dot',
    ProtocolName
  >
> = Object.freeze({
  http11: protocolName('http/1.1'),
  h2: protocolName('h2'),
  imap: protocolName('imap'),
  pop3: protocolName('pop3'),
  managesieve: protocolName('managesieve'),
  xmppClient: protocolName('xmpp-client'),
  xmppServer: protocolName('xmpp-server'),
  acme: protocolName('acme-tls/1'),
  mqtt: protocolName('mqtt'),
  postgresql: protocolName('postgresql'),
  dot: protocolName('dot'),
});
