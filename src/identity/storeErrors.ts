/** What the stores have to say when they refuse. `where` is a file, or whatever a store keeps its records in. */
import type { PrivateKey, Signer } from '../crypto/provider.ts';
import { IdentityError, type IdentityErrorCode } from './errors.ts';

export function notStored(label: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_STORE', `no identity ${JSON.stringify(label)} is stored`, {
    hint: '`q2q id` lists what is stored; `q2q enroll` adds one',
  });
}

export function damaged(
  where: string,
  reason: string,
  cause?: unknown,
  code: IdentityErrorCode = 'ERR_IDENTITY_STORE',
): IdentityError {
  return new IdentityError(code, `${where} is damaged: ${reason}`, {
    cause,
    hint: 'remove it and enrol again, or restore it from a copy',
  });
}

/** Passed on as they are: they say what is to be done, and nothing is damaged. */
const NO_DAMAGE = /^ERR_IDENTITY_(STORE|PASSPHRASE|AGENT)/;

/** Errors of parsing, with the place they came from. */
export function located<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof IdentityError) || NO_DAMAGE.test(error.code)) throw error;
    throw damaged(where, error.message, error, error.code);
  }
}

export function isExportable(key: Signer): key is PrivateKey {
  return 'dangerousExport' in key;
}

export function notExportable(label: string): IdentityError {
  return new IdentityError(
    'ERR_IDENTITY_STORE_SIGNER',
    `the key of ${JSON.stringify(label)} cannot be exported, and this store keeps what it can write down`,
    {
      hint: 'keep the identity in a store that holds such keys, or tell the store where the key is to be found',
    },
  );
}
