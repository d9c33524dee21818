/** What each code of `errors.ts` means, in words: for documentation and whoever prints errors to people. */
import type { Fault } from '../base/errors.ts';
import { type CertificateAlert, consequencesOf, type IdentityErrorCode } from './errors.ts';

const MEANS: Readonly<Record<IdentityErrorCode, string>> = {
  // Formats
  ERR_IDENTITY_DER: 'bytes are not strict DER of the expected shape',
  ERR_IDENTITY_PEM_NO_BLOCK: 'the text holds no PEM block',
  ERR_IDENTITY_PEM_TRUNCATED: 'a PEM block has no END line',
  ERR_IDENTITY_PEM_LABEL: 'BEGIN and END lines differ, or the label is not the one wanted',
  ERR_IDENTITY_PEM_UNOPENED: 'a PEM block has no BEGIN line',
  ERR_IDENTITY_PEM_BOUNDARY: 'a BEGIN or END line is damaged',
  ERR_IDENTITY_PEM_HEADERS: 'a PEM block has headers, as keys that are encrypted the old way',
  ERR_IDENTITY_PEM_EMPTY: 'a PEM block holds nothing',
  ERR_IDENTITY_PEM_BINARY: 'what should be PEM text is binary data',
  ERR_IDENTITY_PEM_BASE64: 'the body of a PEM block is not base64',
  ERR_IDENTITY_PEM_AROUND: 'there is other text around the PEM blocks',
  ERR_IDENTITY_PEM_TOO_BIG: 'the PEM text is larger than any we read',
  ERR_IDENTITY_KEY: 'the private key cannot be used',
  ERR_IDENTITY_PASSPHRASE_NEEDED: 'the private key is encrypted, or is to be, and no passphrase was given',
  ERR_IDENTITY_PASSPHRASE_WRONG: 'the passphrase does not open the file',
  ERR_IDENTITY_ENCRYPTION: 'the file is encrypted in a way that we do not read',
  ERR_IDENTITY_CREDENTIAL_NO_KEY: 'a key with its certificates lacks the key',
  ERR_IDENTITY_CREDENTIAL_KEYS: 'a key with its certificates holds more than one key',
  ERR_IDENTITY_CREDENTIAL_NO_CERTIFICATE: 'a key with its certificates lacks the certificates',
  ERR_IDENTITY_CREDENTIAL_STRAY: 'a block is among a key and its certificates that does not belong there',
  ERR_IDENTITY_CREDENTIAL_DUPLICATE: 'a certificate is in a chain twice',
  ERR_IDENTITY_CREDENTIAL_ORDER: 'the certificates of a chain are in the wrong order',
  ERR_IDENTITY_CREDENTIAL_LEAVES: 'more than one certificate is for the key',
  ERR_IDENTITY_CREDENTIAL_LINK: 'a certificate of a chain did not sign the one before it',
  ERR_IDENTITY_PKCS12: 'the PKCS#12 file is malformed, or not of a kind that we import',
  ERR_IDENTITY_CSR: 'the certification request is malformed or does not prove its key',
  ERR_IDENTITY_CRL: 'the revocation list is malformed, or cannot be used for this issuer',
  ERR_IDENTITY_CRL_STALE: 'the revocation list is out of date',
  ERR_IDENTITY_KEY_ID: 'the text is no key id',
  ERR_IDENTITY_ADDRESS: 'the text is no address',
  ERR_IDENTITY_PROTOCOL: 'the protocol name is not allowed',
  ERR_IDENTITY_DEVICE_CODE: 'the text is no code that adds a device',
  ERR_IDENTITY_ALLOW_LIST: 'a line of an allow list is neither a name nor a key',
  ERR_IDENTITY_KEY_WORDS: 'the words are not those of any key',
  // Own side
  ERR_IDENTITY_ISSUE: 'the authority does not issue such a certificate',
  ERR_IDENTITY_MISMATCH: 'certificate and key do not belong together',
  ERR_IDENTITY_STORE: 'the identity store cannot be read or written',
  ERR_IDENTITY_STORE_MODE: 'a file with a private key, or the store itself, is open to other users',
  ERR_IDENTITY_STORE_OWNER: 'a file or folder of the store belongs to another user',
  ERR_IDENTITY_STORE_BUSY: 'another process holds the identity store and does not let go',
  ERR_IDENTITY_STORE_OLDER: 'what is stored is newer than what was to replace it',
  ERR_IDENTITY_STORE_SIGNER: 'the store cannot keep this key, or cannot find it again where it lives',
  ERR_IDENTITY_AGENT: 'the key agent cannot be reached, or went away',
  ERR_IDENTITY_AGENT_TIMEOUT: 'the key agent does not answer in time',
  ERR_IDENTITY_AGENT_ANSWER: 'the key agent answers with what is no answer',
  ERR_IDENTITY_AGENT_REFUSED: 'the key agent does not sign',
  ERR_IDENTITY_AGENT_NO_KEY: 'the key agent does not hold the key',
  // Refusals: what a presented chain did not prove
  ERR_IDENTITY_NO_CERTIFICATE: 'the peer presented no certificate',
  ERR_IDENTITY_CHAIN_TOO_BIG: 'the chain has too many certificates or bytes',
  ERR_IDENTITY_MALFORMED: 'a certificate does not follow RFC 5280',
  ERR_IDENTITY_NO_ANCHOR: 'we hold no root for the claimed domain',
  ERR_IDENTITY_UNKNOWN_ISSUER: 'no path leads from the leaf to a root we hold',
  ERR_IDENTITY_SIGNATURE: 'a signature does not verify',
  ERR_IDENTITY_ALGORITHM: 'a key or signature algorithm is too weak or unknown',
  ERR_IDENTITY_EXPIRED: 'a certificate is past its end',
  ERR_IDENTITY_NOT_YET_VALID: 'a certificate is not valid yet',
  ERR_IDENTITY_NOT_A_CA: 'a certificate that may not issue has issued',
  ERR_IDENTITY_CA_AS_LEAF: 'the leaf is a CA certificate',
  ERR_IDENTITY_PATH_LENGTH: 'more certificates follow a CA than it allows',
  ERR_IDENTITY_KEY_USAGE: 'the key is not for this use',
  ERR_IDENTITY_EXTENDED_KEY_USAGE: 'the certificate is not for this role',
  ERR_IDENTITY_CRITICAL_EXTENSION: 'a critical extension is not understood',
  ERR_IDENTITY_NAME_CONSTRAINTS: 'a name lies outside what its CA may sign',
  ERR_IDENTITY_PROFILE: 'the certificate does not fit the profile of its kind',
  ERR_IDENTITY_USER_CA: "a CA below the domain's root could speak for more than its one user",
  ERR_IDENTITY_NAME: 'the peer proved another name than the one wanted',
  ERR_IDENTITY_KEY_MISMATCH: 'the peer holds another key than the one wanted',
  ERR_IDENTITY_PIN: 'the chain holds no root with the pinned key',
  ERR_IDENTITY_PIN_CHANGED: 'somebody known shows another key, and nobody known answers for it',
  ERR_IDENTITY_DENIED: 'the domain has withdrawn this key',
  ERR_IDENTITY_REVOKED: 'the issuer of the certificate has revoked it',
  ERR_IDENTITY_POLICY: 'the peer is proven, but not in a way that the site allows',
  ERR_IDENTITY_BUDGET: 'checking the chain takes more work than we spend',
  // Bundles: what a domain says of itself
  ERR_IDENTITY_BUNDLE: 'the bytes are no bundle of a domain',
  ERR_IDENTITY_BUNDLE_DOMAIN: 'the bundle is of another domain',
  ERR_IDENTITY_BUNDLE_SIGNER:
    'the bundle is not signed by a root we hold, nor by one that such a root certified',
  ERR_IDENTITY_BUNDLE_ROLLBACK: 'the bundle is older than the one we hold, or another of the same number',
  ERR_IDENTITY_BUNDLE_EXPIRED: 'the bundle is past its end',
  ERR_IDENTITY_WITNESS: 'second opinions on a domain differ, or too few came',
};

export interface IdentityErrorMeaning {
  readonly fault: Fault;
  readonly means: string;
  readonly alert: CertificateAlert;
}

export const IDENTITY_ERRORS: Readonly<Record<IdentityErrorCode, IdentityErrorMeaning>> = Object.freeze(
  Object.fromEntries(
    (Object.keys(MEANS) as IdentityErrorCode[]).map((code) => [
      code,
      Object.freeze({ means: MEANS[code], ...consequencesOf(code) }),
    ]),
  ) as Record<IdentityErrorCode, IdentityErrorMeaning>,
);
