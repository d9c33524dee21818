/** The form of `vectors.json`; what each field means is in docs/vectors.md. */

export type Verdict = 'SUCCESS' | 'FAILURE';
export type Judge = 'openssl' | 'go';

export interface Expected {
  readonly dns?: string;
  readonly ip?: string;
  /** `user@domain`. */
  readonly name?: string;
  /** A q2q key id. */
  readonly key?: string;
  readonly domain?: string;
  /** Whoever it proves to be. */
  readonly any?: true;
}

export interface VectorCase {
  /** `group::what`. */
  readonly id: string;
  readonly description: string;
  /** The section that decides. */
  readonly rule: string;
  /** `client`, `server`: a chain under given anchors. `peer`: under those of a q2q domain. `key`: a key peer. */
  readonly kind: 'client' | 'server' | 'peer' | 'key';
  /** What the leaf is used as. */
  readonly role: 'client' | 'server';
  /** False for the rules of RFC 5280 §6 alone; only of `client` and `server`. */
  readonly strict?: false;
  readonly leaf: string;
  readonly intermediates: readonly string[];
  readonly anchors: readonly string[];
  /** Of `peer`: whose roots the anchors are. */
  readonly domain?: string;
  /** Of `peer`: roots held for other domains. */
  readonly others?: Readonly<Record<string, readonly string[]>>;
  /** Key ids that the domain has withdrawn. */
  readonly denied_keys?: readonly string[];
  readonly denied_certificates?: readonly { readonly issuer: string; readonly serial: string }[];
  readonly crls?: readonly string[];
  readonly time: string;
  readonly expected?: Expected;
  readonly result: Verdict;
  /** Of the refusal. */
  readonly code?: string;
  /** What other validators say; null: not asked. */
  readonly judges: Readonly<Record<Judge, Verdict | null>>;
  /** Why a judge says otherwise or is not asked: keys of the suite's `reasons`. */
  readonly reasons?: Readonly<Partial<Record<Judge, string>>>;
}

/** Whether what is held of a domain moves on to a bundle. */
export interface BundleCase {
  readonly id: string;
  readonly description: string;
  readonly rule: string;
  readonly bundle: string;
  readonly domain: string;
  /** Roots that are held; none with `first`. */
  readonly anchors: readonly string[];
  /** Key ids that are held as withdrawn. */
  readonly denied_keys?: readonly string[];
  /** The bundle that was taken before. */
  readonly held?: string;
  /** Nothing is held yet: the bundle stands for itself. */
  readonly first?: true;
  readonly time: string;
  readonly result: Verdict;
  readonly code?: string;
  /** What is held afterwards. */
  readonly after?: {
    readonly roots: readonly string[];
    readonly sequence: number;
    readonly denied_keys: readonly string[];
  };
}

export interface VectorSuite {
  readonly version: 1;
  readonly description: string;
  readonly reasons: Readonly<Record<string, string>>;
  /** DER in base64. */
  readonly certificates: Readonly<Record<string, string>>;
  readonly crls: Readonly<Record<string, string>>;
  readonly bundles: Readonly<Record<string, string>>;
  readonly cases: readonly VectorCase[];
  readonly bundle_cases: readonly BundleCase[];
}
