/** OpenSSL behind our contexts: the suite of every secure link, and the limits its docstring names. */
import { secureWithOpenSsl } from '../../src/peer/opensslBackend.node.ts';
import { CARRIERS } from '../support/carriers.ts';
import { secureSuite } from './secureSuite.ts';

const openssl = secureWithOpenSsl;
const pairings = {
  'OpenSSL to ours': { client: openssl },
  'ours to OpenSSL': { server: openssl },
  'OpenSSL to OpenSSL': { client: openssl, server: openssl },
};
for (const [who, backends] of Object.entries(pairings)) {
  secureSuite(`tcp, ${who}`, 'tcp', CARRIERS['tcp']!, backends);
  secureSuite(`websocket, ${who}`, 'websocket', CARRIERS['websocket']!, backends);
  secureSuite(`stdio, ${who}`, 'stdio', CARRIERS['stdio']!, backends);
}
