/** What an account says of its devices and user CAs, as plain functions of the record. */
import type { DeviceRow } from '../peer/messages.ts';
import type { Account, Device, StoredUserCa } from './store.ts';

/** Devices that have not been seen since this long after their certificate ended make room for others. */
const FORGOTTEN: number = 30 * 86_400_000;
/** User CAs remembered of an account until they end, for each that it may have. */
const WITHDRAWN_CAS = 4;

/** With that device, in place of an older record of the same key; undefined when the account has enough. */
export function withDevice(account: Account, device: Device, most: number, now: number): Account | undefined {
  const others = account.devices.filter(({ keyId }) => keyId !== device.keyId);
  const kept = others.length < most ? others : others.filter((other) => !isForgotten(other, now));
  return kept.length < most ? { ...account, devices: [...kept, device] } : undefined;
}

/** A withdrawn device leaves the list when the bundle has let go of its key: until then it costs everybody a line. */
function isForgotten({ until = 0, revoked }: Device, now: number): boolean {
  return now > until + (revoked === undefined ? FORGOTTEN : 0);
}

/** The same for a user CA. Those that were withdrawn do not count, up to a point. */
export function withUserCa(
  account: Account,
  ca: StoredUserCa,
  most: number,
  now: number,
): Account | undefined {
  const others = (account.userCas ?? []).filter(({ keyId, until }) => keyId !== ca.keyId && until > now);
  const live = others.filter(({ revoked }) => revoked === undefined);
  const hasRoom = live.length < most && others.length < WITHDRAWN_CAS * most;
  return hasRoom ? { ...account, userCas: [...others, ca] } : undefined;
}

/** Changes the record of one device; the same account when there is none. */
export function changeDevice(account: Account, keyId: string, change: Partial<Device>): Account {
  const devices = account.devices.map((device) =>
    device.keyId === keyId ? { ...device, ...change } : device,
  );
  return { ...account, devices };
}

/** The keys that go when this one goes: itself, and the user CAs that it asked for, for whoever has it has those. */
export function keysWith(account: Account, keyId: string): readonly { keyId: string; until: number }[] {
  const own = account.devices.filter((device) => device.keyId === keyId);
  const cas = (account.userCas ?? []).filter((ca) => ca.keyId === keyId || ca.by === keyId);
  return [...own, ...cas].map((entry) => ({ keyId: entry.keyId, until: entry.until ?? 0 }));
}

export function allKeys(account: Account): readonly { keyId: string; until: number }[] {
  return [...account.devices, ...(account.userCas ?? [])].map(({ keyId, until = 0 }) => ({ keyId, until }));
}

export function markRevoked(account: Account, keys: ReadonlySet<string>, at: number): Account {
  const mark = <T extends { readonly keyId: string; readonly revoked?: number }>(entry: T): T =>
    keys.has(entry.keyId) && entry.revoked === undefined ? { ...entry, revoked: at } : entry;
  return {
    ...account,
    devices: account.devices.map(mark),
    ...(account.userCas && { userCas: account.userCas.map(mark) }),
  };
}

export function deviceRows(account: Account, isRevoked: (keyId: string) => boolean): readonly DeviceRow[] {
  const devices = account.devices.map(({ keyId, label, since, lastSeen = 0, by = 'renewal', revoked }) => ({
    ...{ keyId, label, by, since, lastSeen },
    revoked: revoked !== undefined || isRevoked(keyId),
  }));
  const cas = (account.userCas ?? []).map(({ keyId, since, revoked }) => ({
    ...{ keyId, label: '', by: 'authority' as const, since, lastSeen: 0 },
    revoked: revoked !== undefined || isRevoked(keyId),
  }));
  return [...devices, ...cas];
}
