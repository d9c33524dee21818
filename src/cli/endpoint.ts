/** Our peer for one command: an identity, whom it believes and its relay. */
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { isQ2qError, toError } from '../base/errors.ts';
import {
  type DomainAnchors,
  type Identity,
  identityLabel,
  parseAddress,
  type Refusal,
  type VerifiedPeer,
} from '../identity/index.ts';
import type { DirectoryIdentityStore } from '../identity/store.node.ts';
import type { Channel } from '../peer/channel.ts';
import { Peer } from '../peer/endpoint.ts';
import { PinBook } from '../peer/pinBook.ts';
import { connectAny } from '../transport/connectAny.node.ts';
import { parseOutlive, parseRelayUrl } from './arguments.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { checkAppendable } from './files.ts';
import { chosenIdentity, existingStore } from './identities.ts';
import { keyLogTo } from './keyLog.ts';
import { Meter } from './meter.ts';
import { describe } from './output.ts';
import { heldAuthority, isSignedBy, signOurselves } from './ownDevices.ts';
import { allRelays } from './relays.ts';

export interface EndpointOptions {
  /** Which identity speaks: `--from` of those who call, `--as` of those who listen. */
  readonly from?: string;
  readonly as?: string;
  readonly relay?: string;
  readonly keylog?: string;
  readonly report?: string;
  readonly outlive?: string;
}

export function addEndpointOptions(command: Command, identityFlag: '--from' | '--as'): Command {
  return command
    .option(`${identityFlag} <identity>`, 'which of our identities speaks: user@domain or key:…')
    .option(
      '--relay <url>',
      'the relay to use, ws://, wss:// or tcp:// (or $Q2Q_RELAY); default: the domain’s',
    )
    .option('--keylog <file>', 'append NSS key log lines of the channels: whoever has them can decrypt')
    .option('--report <file>', 'append a line of JSON about each channel when it ends')
    .option(
      '--outlive <time>',
      'how long channels wait for another path when theirs is lost; 60s by default',
    );
}

export interface Endpoint {
  readonly peer: Peer;
  readonly identity: Identity;
  readonly meter: Meter;
  /** Where the identity's relay is. */
  readonly relay: string;
  readonly store: DirectoryIdentityStore;
  readonly pins: PinBook;
  /** Rejects when the domain has withdrawn our identity: nothing can be done with it any more. Never resolves. */
  readonly withdrawn: Promise<never>;
}

export async function openEndpoint(options: EndpointOptions, context: Context): Promise<Endpoint> {
  const { provider, out } = context;
  const store = await existingStore(context);
  const identity = await chosenIdentity(context, store, options.from ?? options.as);
  const trust = await store!.trust();
  const pins = await PinBook.open(store!, systemClock);
  const relay = await chooseRelay(options.relay, identity, context);
  if (options.report !== undefined) checkAppendable('report', options.report);
  const outlive = parseOutlive(options.outlive);
  const keyLog = options.keylog === undefined ? undefined : keyLogTo(options.keylog);
  const meter = new Meter();
  const peer = await Peer.create({
    identity,
    trust,
    relays: [relay],
    judge: await judgeOf(pins, store!),
    connect: meter.over(connectAny),
    provider,
    ...(keyLog && { keyLog }),
    ...(outlive !== undefined && { outlive }),
  });
  const withdrawn = deferred<never>();
  withdrawn.promise.catch(() => {}); // not every command waits for it
  peer.on('renewed', ({ identity: renewed }) => void storeRenewed(renewed, store!, context));
  peer.on(
    'renewalFailed',
    ({ error }) => void renewOurselves(error, { peer, identity, store: store! }, context),
  );
  peer.on('trust', ({ anchors }) => void storeTrust(anchors, store!, context));
  peer.on('relay', ({ url, state, error }) => {
    out.detail(`relay ${url} is ${state}${error === undefined ? '' : `: ${describe(error).message}`}`);
    if (isRevoked(error)) withdrawn.reject(error);
  });
  return { peer, identity, meter, relay: relay.url, store: store!, pins, withdrawn: withdrawn.promise };
}

/** Whoever people have compared is held to it; the others are remembered, and a change is told (`remember`). */
async function judgeOf(
  pins: PinBook,
  store: DirectoryIdentityStore,
): Promise<(peer: VerifiedPeer) => VerifiedPeer | Refusal> {
  const compared = new Set(
    (await store.pins()).filter(({ verified }) => verified).map(({ address }) => address),
  );
  return (peer) => (compared.has(identityLabel(peer.identity)) ? pins.judge(peer) : peer);
}

/** Who is at the other end of a channel that we wanted is known from now on, and told when it is another key than before. */
export async function remember(channel: Channel, { pins }: Endpoint, { out }: Context): Promise<void> {
  const { peer } = channel.negotiated;
  if (peer === undefined || peer.identity.assurance === 'anonymous') return;
  const label = identityLabel(peer.identity);
  try {
    const verdict = await pins.remember(peer);
    if (verdict === 'first')
      out.detail(`${label} was never met before: compare words, q2q trust verify ${label}`);
    if (verdict === 'changed')
      out.warn(
        `${label} shows another key than before, and no word of the old one for it: ask them; if it is theirs, q2q trust remove ${label}`,
      );
  } catch (error) {
    out.warn(`${label} could not be remembered: ${describe(error).message}`);
  }
}

function isRevoked(error: unknown): boolean {
  return isQ2qError(error) && error.code === 'ERR_PEER_REVOKED';
}

/** How long a channel that was cut waits for its domain's word on whose certificate it was. */
const WORD_MS = 300;

/** The better of two reasons: a channel says that one end is withdrawn, our domain that it is us. */
export async function reasonOf(error: Error, { withdrawn }: Endpoint): Promise<unknown> {
  if (!isRevoked(error)) return error;
  const late = new Promise<Error>((resolve) => setTimeout(resolve, WORD_MS, error));
  return Promise.race([late, withdrawn]).catch((reason: unknown) => reason);
}

/** The relay named, that of the identity's domain, or, for a key, the only one we know. */
async function chooseRelay(
  flag: string | undefined,
  identity: Identity,
  context: Context,
): Promise<{ url: string; domain?: string }> {
  const known = await allRelays(context);
  const own = identity.name === undefined ? undefined : parseAddress(identity.name);
  const domain = own?.kind === 'name' ? own.domain : undefined;
  const named = flag ?? context.settings().relay;
  if (named !== undefined) {
    parseRelayUrl(named, '--relay');
    const of = domain ?? known.find(([, url]) => url === named)?.[0];
    return { url: named, ...(of !== undefined && { domain: of }) };
  }
  const row = domain === undefined ? known[0] : known.find(([name]) => name === domain);
  if (row !== undefined && (domain !== undefined || known.length === 1))
    return { url: row[1], domain: row[0] };
  throw new CliError('ERR_CLI_CONFIG', `no relay is known for ${identityLabel(identity)}`, {
    hint: 'name one with --relay or $Q2Q_RELAY',
  });
}

/** A new certificate for the same key. Failing to store it is no reason to stop: the old one is good for a third of its life. */
async function storeRenewed(
  identity: Identity,
  store: DirectoryIdentityStore,
  { out }: Context,
): Promise<void> {
  try {
    await store.put(identity);
    out.detail(`certificate renewed until ${new Date(identity.notAfter).toISOString()}`);
  } catch (error) {
    out.warn(`the renewed certificate could not be stored: ${describe(error).message}`);
  }
}

/** What the domain has withdrawn or rolled meanwhile, for the next time. */
async function storeTrust(
  anchors: DomainAnchors,
  store: DirectoryIdentityStore,
  { out }: Context,
): Promise<void> {
  try {
    await store.putAnchors(anchors);
    out.detail(`bundle ${anchors.sequence ?? 0} of ${anchors.domain}`);
  } catch (error) {
    if (isQ2qError(error) && error.code === 'ERR_IDENTITY_STORE_OLDER') return; // another process knows more
    out.warn(`the bundle of ${anchors.domain} could not be stored: ${describe(error).message}`);
  }
}

/** The domain does not sign over a user CA: where that is ours, we do it, for the next time that this identity is used. */
async function renewOurselves(
  error: Error,
  parts: Pick<Endpoint, 'peer' | 'identity' | 'store'>,
  context: Context,
): Promise<void> {
  try {
    const own = await heldAuthority(parts, context);
    if (own === undefined || !isSignedBy(parts.identity, own)) return tellNotRenewed(error, context);
    const { notAfter } = await signOurselves(own, parts, context);
    context.out.detail(`certificate signed by our own CA until ${new Date(notAfter).toISOString()}`);
  } catch (failure) {
    tellNotRenewed(toError(failure), context);
  }
}

function tellNotRenewed(error: Error, { out }: Context): void {
  const { message, hint } = describe(error);
  out.warn(`the certificate was not renewed: ${message}${hint === undefined ? '' : `; ${hint}`}`);
}
