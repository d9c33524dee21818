/** Enrolment: from an invite and a fresh key to an identity and the root to trust. docs/protocol.md §6. */
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
  Refusal,
  selfSignedIdentity,
  Trust,
  verifyPeer,
  verifyPinnedDomain,
} from '../identity/index.ts';
import { ClientContext } from '../tls/index.ts';
import { abortable, withDeadline } from './abort.ts';
import { ControlStream } from './controlStream.ts';
import { PeerError } from './errors.ts';
import { controlFailure, refusalIn, requestFailure } from './failures.ts';
import { type Invite, parseInvite } from './invite.ts';
import { ENROL_TIMEOUT } from './limits.ts';
import type { ToPeer } from './messages.ts';
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
   * Called when the domain has proved itself, right before the invite's secret leaves: the time to store the key, so that
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
  /** The domain's root, proven by the invite's pin: store it, `Trust.of([anchors])`. */
  readonly anchors: DomainAnchors;
  readonly relay: RelayConfig & { readonly domain: string };
}

/** Rejects with `ERR_PEER_INVITE_…`, `ERR_PEER_WRONG_IDENTITY` (the pin does not fit) or `ERR_PEER_UNREACHABLE`. */
export async function enrolOver(text: string, options: CompleteEnrolOptions): Promise<Enrolled> {
  const { clock = systemClock } = options;
  const invite = parseInvite(text);
  if (clock.now() >= invite.expires)
    throw new PeerError(
      'ERR_PEER_INVITE_EXPIRED',
      `the invite expired at ${new Date(invite.expires).toISOString()}`,
    );
  const reason = (): Error => new PeerError('ERR_PEER_TIMEOUT', `${invite.url} did not answer in time`);
  return withDeadline({ clock, delay: ENROL_TIMEOUT, reason, signal: options.signal }, (signal) =>
    enrolWith(invite, options, clock, signal),
  );
}

async function enrolWith(
  invite: Invite,
  { connect, provider, ...wishes }: CompleteEnrolOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Enrolled> {
  let session: Session | undefined;
  try {
    const link = await connect(invite.url, { signal });
    session = new Session(link, { clock, random: (length) => provider.random(length) });
    session.onIncoming((incoming) => incoming.refuse());
    const context = enrolContext(invite, wishes.key, clock, provider);
    const opened = await secure(session.open(ENROL_CHANNEL), context, {
      ...{ serverName: invite.domain, signal, clock },
    });
    const anchors = opened.negotiated.peer!.anchors!;
    await abortable(Promise.resolve(wishes.beforeAsking?.()), signal);
    const chain = await ask(opened, invite, wishes, signal);
    const identity = checked(chain, invite, anchors, wishes.key, { clock, provider });
    return { identity, anchors, relay: { url: invite.url, domain: invite.domain } };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw enrolFailure(error, invite);
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
  invite: Invite,
  key: PrivateKey,
  clock: Clock,
  provider: CryptoProvider,
): ClientContext {
  const { domain, rootPin } = invite;
  return new ClientContext(
    {
      credentials: [selfSignedIdentity(key, clock.now())],
      alpn: [ENROL_ALPN],
      verifier: { verify: ({ chain }) => verifyPinnedDomain(chain, domain, rootPin, clock.now(), provider) },
    },
    provider,
  );
}

async function ask(
  link: SecureLink,
  { id: invite, secret, user, domain }: Invite,
  { key, device = '' }: EnrolOptions,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const answer = deferred<ToPeer>();
  const stream = new ControlStream(link, 'peer', {
    message: answer.resolve,
    closed: (error) =>
      answer.reject(error ?? new PeerError('ERR_PEER_UNREACHABLE', `${domain} closed without an answer`)),
  });
  stream.send({ type: 'enrol', id: 1, invite, secret, csr: createCsr(key), device });
  const message = await abortable(answer.promise, signal);
  stream.close();
  if (message.type === 'failed') throw requestFailure(message.code, `${user}@${domain}`);
  if (message.type !== 'certificate')
    throw new PeerError('ERR_PEER_PROTOCOL', `${domain} answered "${message.type}" to an enrolment`);
  return message.chain;
}

/** The certificate must be the invited name on our key, under the pinned root. The root itself comes last. */
function checked(
  chain: readonly Uint8Array[],
  { user, domain }: Invite,
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
  return identityFromChain(chain.slice(0, -1), key);
}

function enrolFailure(error: unknown, { url, domain }: Invite): Error {
  const refusal = refusalIn(error);
  if (refusal === undefined) return controlFailure(error, domain, url);
  return new PeerError(
    'ERR_PEER_WRONG_IDENTITY',
    `${url} is not the ${domain} of the invite: ${refusal.message}`,
    {
      cause: toError(error),
    },
  );
}
