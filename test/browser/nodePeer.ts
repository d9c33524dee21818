/** The page's counterpart in Node: a key peer on the same relay that answers the same chat. */
import { Chat, PROTOCOL, type ReceivedFile } from '../../examples/07-browser/chat.ts';
import { fingerprint } from '../../examples/07-browser/format.ts';
import { type Channel, Peer, provider, selfSignedIdentity } from '../../src/node.ts';
import { DOMAIN, type PageRelay } from './pageRelay.ts';

export class NodePeer {
  readonly peer: Peer;
  readonly keyId: string;
  readonly fingerprint: string;
  #talks: Talk[] = [];
  #waiting: ((talk: Talk) => void)[] = [];

  private constructor(peer: Peer) {
    const { keyId, signer } = peer.identities[0]!;
    this.peer = peer;
    this.keyId = keyId;
    this.fingerprint = fingerprint(signer.spki);
  }

  static async start(relay: PageRelay): Promise<NodePeer> {
    const identity = selfSignedIdentity(provider.generateKey('p256'), Date.now());
    const relays = [{ url: relay.url, domain: DOMAIN }];
    const node = new NodePeer(await Peer.create({ identity, trust: relay.trust, relays }));
    await node.peer.listen(PROTOCOL, { authorize: () => true }, (channel) => node.#answer(channel));
    return node;
  }

  #answer(channel: Channel): Promise<void> {
    const talk = new Talk(channel);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#talks.push(talk);
    else waiting(talk);
    return channel.closed.catch(() => {});
  }

  /** The next conversation that somebody began with us. */
  next(): Promise<Talk> {
    const talk = this.#talks.shift();
    if (talk !== undefined) return Promise.resolve(talk);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async dial(keyId: string): Promise<Talk> {
    return new Talk(await this.peer.dial(`key:${keyId}/${PROTOCOL}`));
  }
}

export class Talk {
  readonly channel: Channel;
  readonly chat: Chat;
  readonly files: ReceivedFile[] = [];
  /** How it ended. */
  readonly over: Promise<Error | undefined>;
  readonly #lines: string[] = [];
  #hear: () => void = () => {};

  constructor(channel: Channel) {
    let end!: (error: Error | undefined) => void;
    this.over = new Promise((resolve) => {
      end = resolve;
    });
    this.channel = channel;
    this.chat = new Chat(channel, provider, {
      line: (text) => {
        this.#lines.push(text);
        this.#hear();
      },
      file: (file) => this.files.push(file),
      closed: end,
    });
  }

  /** Waits for the next line. */
  async line(): Promise<string> {
    while (this.#lines.length === 0)
      await new Promise<void>((resolve) => {
        this.#hear = resolve;
      });
    return this.#lines.shift()!;
  }
}
