/** The records of a domain's folder: how each looks as JSON, and what is refused as damaged. */
import { RelayError } from './errors.ts';
import type { StoredPassword } from './passwords.ts';
import type { StoredRevocations, WithdrawnCertificate, WithdrawnKey } from './revocations.ts';
import type { Account, Device, StoredInvite, StoredUserCa } from './store.ts';

/** Every root file but the first's. */
export const ROOT_FILE: RegExp = /^root-([1-9][0-9]{0,8})\.(?:key|pem)$/;

export interface DomainRecord {
  readonly domain: string;
  readonly urls: readonly string[];
  /** Names of files, newest root first. */
  readonly roots: readonly string[];
  /** Certificates in base64. */
  readonly handovers: readonly string[];
  readonly retired: readonly string[];
}

/** What a record leaves out that was written before domains could roll. */
export const FIRST_RECORD: Pick<DomainRecord, 'roots' | 'handovers' | 'retired'> = {
  roots: ['root'],
  handovers: [],
  retired: [],
};

export function rootName(number: number): string {
  return number === 1 ? 'root' : `root-${number}`;
}

export function formatRecord(record: object): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

export function parseRecord<T>(text: string, name: string, isOne: (value: unknown) => value is T): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RelayError('ERR_RELAY_DATA', `${name} is not JSON`, { cause });
  }
  if (!isOne(value)) throw new RelayError('ERR_RELAY_DATA', `${name} is not a record of its kind`);
  return value;
}

type Fields = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const hasTexts = (value: Fields, ...names: string[]): boolean =>
  names.every((name) => typeof value[name] === 'string');
const hasNumbers = (value: Fields, ...names: string[]): boolean =>
  names.every((name) => typeof value[name] === 'number');
const mayHave = (value: Fields, type: 'string' | 'number' | 'boolean', ...names: string[]): boolean =>
  names.every((name) => value[name] === undefined || typeof value[name] === type);

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

export function isDomainRecord(
  value: unknown,
): value is Pick<DomainRecord, 'domain' | 'urls'> & Partial<DomainRecord> {
  if (!isRecord(value) || !hasTexts(value, 'domain') || !isTexts(value['urls'])) return false;
  const { roots = ['root'], handovers = [], retired = [] } = value;
  const areNames = isTexts(roots) && roots.every((name) => name === 'root' || ROOT_FILE.test(`${name}.key`));
  return areNames && roots.length > 0 && isTexts(handovers) && isTexts(retired);
}

function isDevice(value: unknown): value is Device {
  return (
    isRecord(value) &&
    hasTexts(value, 'keyId', 'label') &&
    hasNumbers(value, 'since') &&
    mayHave(value, 'string', 'by') &&
    mayHave(value, 'number', 'lastSeen', 'until', 'revoked')
  );
}

function isUserCa(value: unknown): value is StoredUserCa {
  return (
    isRecord(value) &&
    hasTexts(value, 'keyId', 'by') &&
    hasNumbers(value, 'since', 'until') &&
    mayHave(value, 'number', 'revoked')
  );
}

export function isAccount(value: unknown): value is Account {
  return (
    isRecord(value) &&
    hasTexts(value, 'user') &&
    hasNumbers(value, 'created') &&
    typeof value['blocked'] === 'boolean' &&
    Array.isArray(value['devices']) &&
    value['devices'].every(isDevice) &&
    (value['userCas'] === undefined || (Array.isArray(value['userCas']) && value['userCas'].every(isUserCa)))
  );
}

function isWithdrawnKey(value: unknown): value is WithdrawnKey {
  return (
    isRecord(value) &&
    hasTexts(value, 'keyId') &&
    hasNumbers(value, 'at', 'until') &&
    mayHave(value, 'string', 'user') &&
    mayHave(value, 'boolean', 'blocked')
  );
}

function isWithdrawnCertificate(value: unknown): value is WithdrawnCertificate {
  return isRecord(value) && hasTexts(value, 'issuer', 'serial') && hasNumbers(value, 'at', 'until');
}

export function isRevocations(
  value: unknown,
): value is Omit<StoredRevocations, 'bundle'> & { readonly bundle: string } {
  return (
    isRecord(value) &&
    hasNumbers(value, 'sequence', 'issuedAt') &&
    hasTexts(value, 'bundle') &&
    Array.isArray(value['keys']) &&
    value['keys'].every(isWithdrawnKey) &&
    Array.isArray(value['certificates']) &&
    value['certificates'].every(isWithdrawnCertificate)
  );
}

export function isInvite(value: unknown): value is StoredInvite {
  return (
    isRecord(value) &&
    hasTexts(value, 'id', 'user', 'secretHash') &&
    hasNumbers(value, 'created', 'expires') &&
    mayHave(value, 'string', 'usedBy')
  );
}

export function isPassword(value: unknown): value is StoredPassword {
  return (
    isRecord(value) &&
    hasTexts(value, 'user') &&
    ['salt', 'hash'].every((name) => /^([0-9a-f]{2}){16,64}$/.test(String(value[name]))) &&
    hasNumbers(value, 'set', 'failed', 'lockedUntil') &&
    isCost(value['cost'])
  );
}

/** A damaged record must not make us take gigabytes. */
function isCost(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const [N, r, p] = ['N', 'r', 'p'].map((name) => value[name]) as [number, number, number];
  if (![N, r, p].every((number) => Number.isSafeInteger(number) && number > 0)) return false;
  return N > 1 && N <= 1_048_576 && (N & (N - 1)) === 0 && r <= 32 && p <= 16 && N * r <= 8_388_608;
}
