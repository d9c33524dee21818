/** The shapes of the public face: what a peer is made of, what it asks, what it reports. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type {
  Certificate,
  DomainAnchors,
  Identity,
  PeerIdentity,
  Refusal,
  Trust,
  VerifiedPeer,
} from '../identity/index.ts';
import type { Link } from '../transport/link.ts';
import type { Channel } from './channel.ts';
import type { DeviceRow } from './messages.ts';
import type { ResolveTrust } from './resolveTrust.ts';

/** Opens a link to a relay URL. The portable one speaks WebSocket; `q2q/node` adds `tcp://`. */
export type Connect = (url: string, options: { readonly signal: AbortSignal }) => Promise<Link>;

export interface RelayConfig {
  readonly url: string;
  /** The domain whose server this is. Default: the domain of the first enrolled identity, else the URL's host name. */
  readonly domain?: string;
}

export interface PeerOptions {
  /** Who we are: one identity or several, sharing each relay's link. */
  readonly identity?: Identity;
  readonly identities?: readonly Identity[];
  /** Roots per domain: of the relay's own domain, and of every domain whose users we talk to. */
  readonly trust: Trust;
  /** Asked for domains that `trust` does not hold, or that show another root than it does; see `q2q/trust`. */
  readonly resolveTrust?: ResolveTrust;
  /**
   * Has the last word about peers whose certificates hold, callers and called: gives the proof back, perhaps as `verified`, or
   * refuses (`PinBook.judge`). It must answer at once; if it throws, the peer is refused.
   */
  readonly judge?: (peer: VerifiedPeer) => VerifiedPeer | Refusal;
  readonly relays: readonly (string | RelayConfig)[];
  readonly connect?: Connect;
  readonly provider?: CryptoProvider;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /**
   * Milliseconds that channels outlive their path while another is looked for; the smaller of both ends' counts. Default: a
   * minute. 0: they end with it.
   */
  readonly outlive?: number;
  /** NSS key log lines of every A⇄B channel (not of control channels): for tshark. Whoever holds them reads all. */
  readonly keyLog?: (line: string) => void;
}

/** What an application knows when it is asked whether somebody may reach a protocol. */
export interface AccessRequest {
  /**
   * Who asks. Before a path exists this is who the relay says it is, with a chain we verified but no proof of
   * possession yet (`proven` false); the channel is handed over only if TLS then proves the same key.
   */
  readonly from: PeerIdentity;
  /** `alice@example.org` or `key:…`. */
  readonly fromAddress: string;
  /** Which of our identities is asked for. */
  readonly to: string;
  readonly protocol: string;
  readonly chain: readonly Certificate[];
  readonly proven: boolean;
}

/** Only `true` allows. False, anything else, a throw, a rejection or silence refuses. */
export type Authorize = (request: AccessRequest) => boolean | Promise<boolean>;

export interface ListenOptions {
  /** Shown to callers that were allowed, who choose among several listeners by it. At most 200 characters. */
  readonly description?: string;
  /** Who may reach this. There is no default that allows anybody. */
  readonly authorize: Authorize;
  /** Also ask `authorize` about callers that are nobody (`anonymousIdentity`); otherwise they find nobody here. */
  readonly anonymous?: boolean;
  /** The identity that listens: its name or key id. Default: the peer's first. */
  readonly as?: string;
  readonly signal?: AbortSignal;
}

export type ChannelHandler = (channel: Channel) => void | Promise<void>;

export interface Listener extends AsyncDisposable {
  readonly protocol: string;
  /** The address that reaches it, protocol included. */
  readonly address: string;
  /** Stops taking channels; those that run go on. */
  close(): Promise<void>;
}

/** One device that would answer a dial. */
export interface Offer {
  readonly description: string;
  readonly keyId: string;
}

/** Picks one of the offers, or none (then the dial ends as not found). May ask a person. */
export type Choose = (offers: readonly Offer[]) => Offer | undefined | Promise<Offer | undefined>;

export interface DialOptions {
  /** The identity that calls: its name or key id. Default: the peer's first. */
  readonly from?: string;
  /** Default: the first that answers. */
  readonly choose?: Choose;
  readonly signal?: AbortSignal;
  /** Milliseconds until `ERR_PEER_TIMEOUT`; default 15 s. */
  readonly timeout?: number;
}

/** A device of one's own account, or a user CA (`by` is `authority`), as the domain has it. */
export type DeviceInfo = DeviceRow;

export interface OwnAccountOptions {
  /** The identity whose account it is: its name or key id. Default: the peer's first. */
  readonly as?: string;
  readonly signal?: AbortSignal;
}

export interface PeerEvents {
  /** The control channel of one identity at one relay came up or went down. */
  relay: {
    readonly url: string;
    readonly domain: string;
    readonly state: 'up' | 'down';
    readonly identity: string;
    readonly error?: Error;
  };
  /** A new certificate for one identity: store it. */
  renewed: { readonly identity: Identity };
  /**
   * A certificate could not be renewed. It is tried again in a minute, but for `ERR_PEER_USER_CA` (whoever holds the user CA
   * must sign the device again) and `ERR_PEER_REVOKED`.
   */
  renewalFailed: { readonly identity: Identity; readonly error: Error };
  /** A domain's bundle changed what we believe of it: store it. Channels that it withdraws have ended by now. */
  trust: { readonly anchors: DomainAnchors };
  /** A handler threw; its channel was reset, nothing else was touched. */
  handlerError: { readonly protocol: string; readonly error: Error };
}
