/**
 * Enrolment: from an invite, or a name and its password, and a fresh key to an identity and the root to trust.
 * docs/protocol.md §6.
 */
import { equalBytes } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { toError } from '../base/errors.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import {
  createCsr,
  type DomainAnchors,
  type Identity,
  identityFromChain,
  parseName,
  Refusal,
  selfSignedIdentity,
  Trust,
  type VerifiedPeer,
  verifyPeer,
  verifyPinnedDomain,
} from '../identity/index.ts';
import { ClientContext } from '../tls/index.ts';
import { abortable, withDeadline } from './abort.ts';
import { ControlStream } from './controlStream.ts';
import { PeerError } from './errors.ts';
import { controlFailure, refusalIn, requestFailure } from './failures.ts';
import { parseInvite } from './invite.ts';
import { ENROL_TIMEOUT } from './limits.ts';
import type { ToPeer, ToRelay } from './messages.ts';
import { ENROL_ALPN, ENROL_CHANNEL } from './names.ts';
import { secure } from './secure.ts';
import type { SecureLink } from './secureLink.ts';
import { Session } from './session.ts';
import type { Connect, RelayConfig } from './types.ts';

export interface EnrolOptions {
  /** The device's key. Ask again with the same key when an answer was lost. */
  readonly key: PrivateKey;
  /** A label for this device: letters, digits, "._-". */
  readonly device?: string;
  /**
   * Called when the domain has proved itself, right before the invite's secret, or the password, leaves: the time to store the key, so that
   * a lost answer can be asked for again. Nothing is sent until it settles; a rejection ends the enrolment.
   */
  readonly beforeAsking?: () => Promise<void>;
  readonly connect?: Connect;
  readonly provider?: CryptoProvider;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

export interface CompleteEnrolOptions extends EnrolOptions {
  readonly connect: Connect;
  readonly provider: CryptoProvider;
}

export interface Enrolled {
  readonly identity: Identity;
  /** What is believed of the domain now, its root proven by the invite's pin: store it, `Trust.of([anchors])`. */
  readonly anchors: DomainAnchors;
  readonly relay: RelayConfig & { readonly domain: string };
}

/** An account's name and password, and how its domain is known: nothing leaves before the domain has proved itself. */
export interface PasswordLogin {
  /** `alice@example.org`. */
  readonly name: string;
  readonly password: string;
  /** The relay's address. */
  readonly url: string;
  /** Roots that we hold, of the domain among others; or `rootPin`. */
  readonly trust?: Trust;
  /** SHA-256 of the root's SubjectPublicKeyInfo, as invites carry it. */
  readonly rootPin?: Uint8Array;
}

/** What differs between the two ways to enrol. */
interface Target {
  readonly url: string;
  readonly user: string;
  readonly domain: string;
  readonly verify: (chain: readonly Uint8Array[]) => VerifiedPeer | Refusal;
  readonly request: (proof: { readonly csr: Uint8Array; readonly device: string }) => ToRelay;
}

/** Rejects with `ERR_PEER_INVITE_…`, `ERR_PEER_WRONG_IDENTITY` (the pin does not fit) or `ERR_PEER_UNREACHABLE`. */
export async function enrolOver(text: string, options: CompleteEnrolOptions): Promise<Enrolled> {
  const { clock = systemClock, provider } = options;
  const { url, user, domain, rootPin, id: invite, secret, expires } = parseInvite(text);
  if (clock.now() >= expires)
    throw new PeerError(
      'ERR_PEER_INVITE_EXPIRED',
      `the invite expired at ${new Date(expires).toISOString()}`,
    );
  return enrolAt(
    {
      ...{ url, user, domain },
      verify: (chain) => verifyPinnedDomain(chain, domain, rootPin, clock.now(), provider),
      request: (proof) => ({ type: 'enrol', id: 1, invite, secret, ...proof }),
    },
    options,
  );
}

/** Rejects with `ERR_PEER_LOGIN_REFUSED`, `ERR_PEER_BUSY` (locked, or too many at once), `ERR_PEER_NO_TRUST`, … */
export async function loginOver(login: PasswordLogin, options: CompleteEnrolOptions): Promise<Enrolled> {
  const { clock = systemClock, provider } = options;
  const { url, password, trust, rootPin } = login;
  const { user, domain } = parseName(login.name);
  const anchors = trust?.anchorsFor(domain);
  if (rootPin === undefined && anchors === undefined)
    throw new PeerError('ERR_PEER_NO_TRUST', `no root is held for the domain ${domain}`, {
      hint: 'a password is for the right domain only: get its root, or the hash of its root, first',
    });
  const held = anchors && Trust.of([anchors]);
  return enrolAt(
    {
      ...{ url, user, domain },
      verify: (chain) =>
        held === undefined
          ? verifyPinnedDomain(chain, domain, rootPin!, clock.now(), provider)
          : verifyPeer(chain, { kind: 'domain', domain }, held, 'server', clock.now(), provider),
      request: (proof) => ({ type: 'login', id: 1, user, password, ...proof }),
    },
    options,
    anchors,
  );
}

function enrolAt(target: Target, options: CompleteEnrolOptions, anchors?: DomainAnchors): Promise<Enrolled> {
  const { clock = systemClock } = options;
  const reason = (): Error => new PeerError('ERR_PEER_TIMEOUT', `${target.url} did not answer in time`);
  return withDeadline({ clock, delay: ENROL_TIMEOUT, reason, signal: options.signal }, (signal) =>
    enrolWith(target, options, anchors, clock, signal),
  );
}

async function enrolWith(
  target: Target,
  { connect, provider, ...wishes }: CompleteEnrolOptions,
  held: DomainAnchors | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Enrolled> {
  const { url, domain } = target;
  let session: Session | undefined;
  try {
    const link = await connect(url, { signal });
    session = new Session(link, { clock, random: (length) => provider.random(length) });
    session.onIncoming((incoming) => incoming.refuse());
    const context = enrolContext(target, wishes.key, clock, provider);
    const opened = await secure(session.open(ENROL_CHANNEL), context, { serverName: domain, signal, clock });
    const anchors = held ?? opened.negotiated.peer!.anchors!;
    await abortable(Promise.resolve(wishes.beforeAsking?.()), signal);
    const chain = await ask(opened, target, wishes, signal);
    const identity = checked(chain, target, anchors, wishes.key, { clock, provider });
    return { identity, anchors, relay: { url, domain } };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw enrolFailure(error, target);
  } finally {
    if (session !== undefined) endSession(session, clock);
  }
}

/** Nothing is left to say; what the other end still holds open is cut after a moment. */
function endSession(session: Session, clock: Clock): void {
  const cancel = clock.after(1_000, () => session.destroy());
  void session.close().then(cancel);
}

function enrolContext(
  { verify }: Target,
  key: PrivateKey,
  clock: Clock,
  provider: CryptoProvider,
): ClientContext {
  return new ClientContext(
    {
      credentials: [selfSignedIdentity(key, clock.now())],
      alpn: [ENROL_ALPN],
      verifier: { verify: ({ chain }) => verify(chain) },
    },
    provider,
  );
}

async function ask(
  link: SecureLink,
  { user, domain, request }: Target,
  { key, device = '' }: EnrolOptions,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const answer = deferred<ToPeer>();
  const stream = new ControlStream(link, 'peer', {
    message: answer.resolve,
    closed: (error) =>
      answer.reject(error ?? new PeerError('ERR_PEER_UNREACHABLE', `${domain} closed without an answer`)),
  });
  stream.send(request({ csr: createCsr(key), device }));
  const message = await abortable(answer.promise, signal);
  stream.close();
  if (message.type === 'failed') throw requestFailure(message.code, `${user}@${domain}`);
  if (message.type !== 'certificate')
    throw new PeerError('ERR_PEER_PROTOCOL', `${domain} answered "${message.type}" to an enrolment`);
  return message.chain;
}

/** The certificate must be the name that we asked for on our key, under the root we know. */
function checked(
  chain: readonly Uint8Array[],
  { user, domain }: Target,
  anchors: DomainAnchors,
  key: PrivateKey,
  { clock, provider }: { readonly clock: Clock; readonly provider: CryptoProvider },
): Identity {
  const name = `${user}@${domain}`;
  const proof = verifyPeer(
    chain,
    { kind: 'name', name },
    Trust.of([anchors]),
    'client',
    clock.now(),
    provider,
  );
  if (proof instanceof Refusal) throw proof;
  if (!equalBytes(proof.spki, key.spki))
    throw new PeerError('ERR_PEER_PROTOCOL', `${domain} sent a certificate for another key`);
  return identityFromChain(chain, key);
}

function enrolFailure(error: unknown, { url, domain }: Target): Error {
  const refusal = refusalIn(error);
  if (refusal === undefined) return controlFailure(error, domain, url);
  return new PeerError('ERR_PEER_WRONG_IDENTITY', `${url} is not the ${domain} we know: ${refusal.message}`, {
    cause: toError(error),
  });
}
