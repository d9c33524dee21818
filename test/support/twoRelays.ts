/** Two relays of one domain, on real sockets: each can be lost, and so can every single link to it. */
import { provider } from '../../src/crypto/node.node.ts';
import { Trust } from '../../src/identity/index.ts';
import { Peer } from '../../src/index.ts';
import type { PeerOptions } from '../../src/peer/types.ts';
import type { RelayLimits } from '../../src/relay/limits.ts';
import { Relay } from '../../src/relay/relay.ts';
import type { Link } from '../../src/transport/link.ts';
import { connectAny, type Listener, listenTcp, listenWebSocket } from '../../src/transport/node.node.ts';
import { DOMAIN, relayWorld, type World } from './relayWorld.ts';

export type CarrierKind = 'tcp' | 'ws';

interface Place {
  readonly relay: Relay;
  readonly listener: Listener;
  /** The relay's ends of its links. */
  readonly links: Set<Link>;
}

export interface TestPeer {
  readonly peer: Peer;
  /** It reaches no relay. */
  down: boolean;
  /** Its end of the newest link to that relay. */
  link(url: string): Link;
}

export class TwoRelays implements AsyncDisposable {
  readonly urls: readonly [string, string] = ['ws://one.example.org/', 'ws://two.example.org/'];
  readonly world: World;
  readonly #kind: CarrierKind;
  readonly #limits: Partial<RelayLimits>;
  readonly #places = new Map<string, Place>();
  readonly #peers: Peer[] = [];

  private constructor(world: World, kind: CarrierKind, limits: Partial<RelayLimits>) {
    this.world = world;
    this.#kind = kind;
    this.#limits = limits;
  }

  static async start(kind: CarrierKind, limits: Partial<RelayLimits> = {}): Promise<TwoRelays> {
    const both = new TwoRelays(await relayWorld({ limits }), kind, limits);
    for (const url of both.urls) await both.revive(url);
    return both;
  }

  relay(url: string): Relay {
    return this.#places.get(url)!.relay;
  }

  async revive(url: string): Promise<void> {
    const links = new Set<Link>();
    const relay = new Relay({ domain: this.world.domain, provider, limits: this.#limits });
    const take = (link: Link): void => {
      links.add(link);
      relay.accept(link);
    };
    const at = { host: '127.0.0.1', port: 0 };
    const listener = this.#kind === 'tcp' ? await listenTcp(at, take) : await listenWebSocket(at, take);
    this.#places.set(url, { relay, listener, links });
  }

  /** As a process that is killed: its sockets are gone, and it says nothing. */
  async kill(url: string): Promise<void> {
    const { relay, listener, links } = this.#places.get(url)!;
    this.#places.delete(url);
    for (const link of links) link.reset();
    await listener.close();
    await relay.close(0);
  }

  async peer(
    user: string,
    urls: readonly string[] = this.urls,
    more: Partial<PeerOptions> = {},
  ): Promise<TestPeer> {
    const newest = new Map<string, Link>();
    const made = { down: false, link: (url: string) => newest.get(url)! };
    const connect = async (url: string): Promise<Link> => {
      const place = this.#places.get(url);
      if (place === undefined || made.down) throw new Error(`nobody listens at ${url}`);
      const link = await connectAny(place.listener.address);
      newest.set(url, link);
      return link;
    };
    const { identity, anchors } = await this.world.enrol(user);
    const relays = urls.map((url) => ({ url, domain: DOMAIN }));
    const peer = await Peer.create({
      identity,
      trust: Trust.of([anchors]),
      relays,
      connect,
      provider,
      ...more,
    });
    this.#peers.push(peer);
    return Object.assign(made, { peer });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.close()));
    for (const url of [...this.#places.keys()]) await this.kill(url);
    await this.world[Symbol.asyncDispose]();
  }
}
