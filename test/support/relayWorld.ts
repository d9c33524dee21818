/** A relay with its domain in memory, and peers joined to it by memory links: everything real but the carrier. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../../src/base/bytes.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { selfSignedIdentity, Trust } from '../../src/identity/index.ts';
import { Peer } from '../../src/index.ts';
import { type Enrolled, enrolOver } from '../../src/peer/enrol.ts';
import { formatInvite } from '../../src/peer/invite.ts';
import type { Connect, PeerOptions } from '../../src/peer/types.ts';
import { RelayCore } from '../../src/relay/core.ts';
import { DomainService } from '../../src/relay/domain.ts';
import { RELAY_LIMITS } from '../../src/relay/limits.ts';
import type { HashPassword } from '../../src/relay/passwords.ts';
import { Relay, type RelayOptions } from '../../src/relay/relay.ts';
import { MemoryDomainStore } from '../../src/relay/store.ts';
import { LinkError } from '../../src/transport/index.ts';
import { memoryPair } from '../../src/transport/memory.ts';

export const DOMAIN = 'example.org';
export const RELAY_URL = 'ws://relay.example.org/';

/** scrypt is meant to take long; what it guards is tested without it. */
const hashCheaply: HashPassword = async (password, salt) => sha256(concat([salt, password]));

export interface World extends AsyncDisposable {
  readonly domain: DomainService;
  readonly relay: Relay;
  /** What the relay thinks with: patched, it lies. */
  readonly core: RelayCore;
  readonly connect: Connect;
  /** Links opened so far. */
  readonly links: { count: number };
  enrol(user: string, device?: string): Promise<Enrolled>;
  /** An enrolled peer. */
  peer(user: string, options?: Partial<PeerOptions>): Promise<Peer>;
  /** A peer that is only its key. */
  keyPeer(options?: Partial<PeerOptions>): Promise<Peer>;
  block(user: string): Promise<void>;
  /** Stops the relay and starts another on the same data. */
  restart(): Promise<void>;
}

export async function relayWorld(options: Partial<RelayOptions> & { clock?: Clock } = {}): Promise<World> {
  const clock = options.clock ?? systemClock;
  const store = new MemoryDomainStore();
  const open = (): Promise<DomainService> =>
    DomainService.open({
      ...{ store, provider, clock, logger: silent, domain: DOMAIN, hashPassword: hashCheaply },
      limits: options.limits ?? {},
    });
  const state = {
    domain: await open(),
    core: undefined as RelayCore | undefined,
    relay: undefined as Relay | undefined,
    down: false,
  };
  const limits = { ...RELAY_LIMITS, ...options.limits };
  const random = (length: number) => provider.random(length);
  const start = (): Relay => {
    state.core = new RelayCore({ domain: DOMAIN, limits, random });
    return new Relay({ domain: state.domain, provider, ...options }, state.core);
  };
  state.relay = start();
  const links = { count: 0 };
  const connect: Connect = async () => {
    if (state.down) throw new LinkError('ERR_LINK_REFUSED', 'nobody listens');
    links.count++;
    const [ours, theirs] = memoryPair();
    state.relay!.accept(theirs);
    return ours;
  };
  const peers: Peer[] = [];
  const make = async (complete: PeerOptions): Promise<Peer> => {
    const peer = await Peer.create({ connect, provider, clock, ...complete });
    peers.push(peer);
    return peer;
  };
  const enrol = async (user: string, device?: string): Promise<Enrolled> => {
    const invite = formatInvite(await state.domain.invite(user, { url: RELAY_URL }));
    const key = provider.generateKey('ed25519');
    return enrolOver(invite, { key, connect, provider, clock, ...(device !== undefined && { device }) });
  };
  const world: World = {
    get domain() {
      return state.domain;
    },
    get relay() {
      return state.relay!;
    },
    get core() {
      return state.core!;
    },
    connect,
    links,
    enrol,
    peer: async (user, more) => {
      const { identity, anchors, relay } = await enrol(user);
      return make({ identity, trust: Trust.of([anchors]), relays: [relay], ...more });
    },
    keyPeer: (more) =>
      make({
        identity: selfSignedIdentity(provider.generateKey('ed25519'), clock.now()),
        trust: Trust.of([state.domain.anchors]),
        relays: [{ url: RELAY_URL, domain: DOMAIN }],
        ...more,
      }),
    block: async (user) => {
      await store.putAccount({ ...(await store.account(user))!, blocked: true });
    },
    restart: async () => {
      state.down = true;
      await state.relay!.close(0);
      state.domain = await open();
      state.relay = start();
      state.down = false;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(peers.map((peer) => peer.close()));
      await state.relay!.close(0);
    },
  };
  return world;
}
