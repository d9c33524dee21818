/** scrypt by OpenSSL, in Node's thread pool: several times as fast as the portable one, and nobody waits for it. */
import { scrypt } from 'node:crypto';
import { HASH_LENGTH, type HashPassword } from './passwords.ts';

export const hashByOpenSsl: HashPassword = (password, salt, { N, r, p }) =>
  new Promise((resolve, reject) => {
    const maxmem = 128 * r * (N + p + 2); // what the algorithm takes; the default is less
    scrypt(password, salt, HASH_LENGTH, { N, r, p, maxmem }, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
