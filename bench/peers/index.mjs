import { http2, http2Tuned } from './http2.mjs';
import { protomux } from './protomux.mjs';
import { qmux } from './qmux.mjs';
import { ssh2, ssh2Clear } from './ssh2.mjs';
import { tcp } from './tcp.mjs';
import { yamux } from './yamux.mjs';

export const peers = {
  'node:http2, 16/64 MiB windows': http2Tuned,
  'node:http2, default windows': http2,
  'libp2p-yamux': yamux,
  protomux,
  'ssh2, its cipher taken out': ssh2Clear,
  'ssh2, aes128-gcm': ssh2,
  '@moq/qmux over ws': qmux,
  'raw TCP, a socket each': tcp,
};
