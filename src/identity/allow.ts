/**
 * Who may come in, as a text file that people write by hand, in the manner of `authorized_keys`:
 *
 *     # friends
 *     alice@example.org          one person, on any device
 *     *@example.net              every member of a domain
 *     key:abcdefg-hijklmn-…      the holder of a key, by whatever name; groups and capitals as you like
 *
 * One name or key per line, `#` to the end of the line is a comment. What is not understood is an error with the number of
 * its line: a list that lets in fewer than its writer thinks is a nuisance, one that lets in more is a hole.
 */
import { parseDomain, parseName } from './address.ts';
import { IdentityError } from './errors.ts';
import { MAX_ALLOW_FILE } from './limits.ts';
import { parsePeerId } from './peerId.ts';
import type { PeerIdentity } from './proofs.ts';
import { quoted } from './quoted.ts';

/** An immutable list. An empty one lets nobody in. */
export class AllowList {
  readonly #names: ReadonlySet<string>;
  readonly #domains: ReadonlySet<string>;
  readonly #keys: ReadonlySet<string>;

  private constructor(entries: readonly AllowEntry[]) {
    const of = (kind: AllowEntry['kind']): ReadonlySet<string> =>
      new Set(entries.filter((entry) => entry.kind === kind).map(({ value }) => value));
    this.#names = of('name');
    this.#domains = of('domain');
    this.#keys = of('key');
    Object.freeze(this);
  }

  /** Throws `ERR_IDENTITY_ALLOW_LIST`, naming the line. */
  static parse(text: string): AllowList {
    if (text.length > MAX_ALLOW_FILE)
      throw refused(`allow list of ${text.length} characters, at most ${MAX_ALLOW_FILE} are read`);
    const entries = text.split(/\r?\n/).map((line, index) => readLine(line, index + 1));
    return new AllowList(entries.filter((entry) => entry !== undefined));
  }

  get size(): number {
    return this.#names.size + this.#domains.size + this.#keys.size;
  }

  /** Whether the verified peer is on the list. A server of a domain has no name, so `*@domain` does not let it in. */
  allows({ name, domain, keyId }: PeerIdentity): boolean {
    if (this.#keys.has(keyId)) return true;
    if (name === undefined) return false;
    return this.#names.has(name) || (domain !== undefined && this.#domains.has(domain));
  }
}

interface AllowEntry {
  readonly kind: 'name' | 'domain' | 'key';
  readonly value: string;
}

export function parseAllowList(text: string): AllowList {
  return AllowList.parse(text);
}

function readLine(line: string, number: number): AllowEntry | undefined {
  const entry = line.replace(/#.*/, '').trim();
  if (entry === '') return undefined;
  try {
    return readEntry(entry);
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw refused(`line ${number}: ${cause.message}`, cause.hint, cause);
  }
}

function readEntry(entry: string): AllowEntry {
  if (/^key:/i.test(entry)) return { kind: 'key', value: parsePeerId(entry.slice(4)) };
  if (/\s/.test(entry)) throw refused(`${quoted(entry)} is more than one word`, 'one name or key per line');
  if (entry.startsWith('*@')) return { kind: 'domain', value: parseDomain(entry.slice(2)) };
  if (!entry.includes('@') && /^[a-z2-7-]{56,}$/i.test(entry))
    return { kind: 'key', value: parsePeerId(entry) };
  const { user, domain } = parseName(entry);
  return { kind: 'name', value: `${user}@${domain}` };
}

function refused(message: string, hint?: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_IDENTITY_ALLOW_LIST', message, { hint, cause });
}
