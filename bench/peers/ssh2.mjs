// SSH channels (direct-tcpip), with the cheapest cipher and with none.
import { createRequire } from 'node:module';
import { connected, HOST, ignore, listening, ofDuplex } from './shared.mjs';

const require = createRequire(import.meta.url);

export const ssh2 = { load: () => load(true), make };
export const ssh2Clear = { load: () => load(false), make };

/** Without its cipher the packets stay as before the key exchange: what is left is the multiplexing. */
async function load(cipher) {
  const crypto = require('ssh2/lib/protocol/crypto.js');
  if (!cipher) {
    crypto.createCipher = ({ outbound }) => new crypto.NullCipher(outbound.seqno, outbound.onWrite);
    crypto.createDecipher = ({ inbound }) => new crypto.NullDecipher(inbound.seqno, inbound.onPayload);
  }
  return require('ssh2');
}

function make({ Client, Server, utils }) {
  const algorithms = { cipher: ['aes128-gcm@openssh.com'] };
  return {
    listen(onChannel) {
      const hostKeys = [utils.generateKeyPairSync('ed25519').private];
      const server = new Server({ hostKeys, algorithms }, (client) => {
        client._sock.setNoDelay(true); // no public switch on this side
        client.on('authentication', (attempt) => attempt.accept()).on('error', ignore);
        client.on('tcpip', (accept) => onChannel(ofDuplex(accept())));
      });
      return listening(server);
    },
    async dial(port) {
      const client = new Client();
      const sock = await connected(port);
      await new Promise((resolve, reject) => {
        client.on('ready', resolve).on('error', reject);
        client.connect({ sock, username: 'bench', algorithms });
      });
      return {
        open: () =>
          new Promise((resolve, reject) => {
            client.forwardOut(HOST, 1, HOST, 2, (error, stream) =>
              error ? reject(error) : resolve(ofDuplex(stream)),
            );
          }),
      };
    },
  };
}
