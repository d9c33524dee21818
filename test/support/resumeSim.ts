/** Two engines on simulated wires that outlive their link: virtual time, no promises, so that a gigabyte takes seconds. */
import { concat } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { MuxError, MuxSession } from '../../src/mux/index.ts';
import { MuxSim } from './muxSim.ts';
import { SECRET } from './resumePair.ts';
import type { Traffic } from './simApps.ts';
import type { WireOptions } from './simWire.ts';

const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
  provider.hmac('sha256', key, ...parts);

export interface ResumeSimOptions extends WireOptions {
  readonly apps: { readonly a: Traffic; readonly b: Traffic };
  /** Bytes that the next link carries, and in which direction these are counted: 0 a → b, 1 back. */
  readonly cut: () => { readonly after: number; readonly wire: 0 | 1 };
  /** Milliseconds from a cut to the next link. */
  readonly pause: number;
}

/** `a` makes a new link whenever one was cut. */
export class ResumeSim {
  readonly sim: MuxSim;
  cuts = 0;
  readonly #options: ResumeSimOptions;

  constructor(options: ResumeSimOptions) {
    this.#options = options;
    this.sim = new MuxSim({ ...options, hmac });
    for (const { mux } of [this.sim.a, this.sim.b]) mux.resumption!.arm(SECRET);
    this.sim.onCut = () => this.#cut();
  }

  /** Has the link that is there cut. */
  arm(): void {
    const { after, wire } = this.#options.cut();
    this.sim.wires[wire].cutAfter(after);
  }

  #cut(): void {
    const { sim } = this;
    this.cuts++;
    sim.disconnect();
    for (const end of [sim.a, sim.b]) {
      end.mux.linkLost(new MuxError('ERR_MUX_LINK_CLOSED', 'cut'), sim.now);
      end.now = sim.now;
      end.work();
    }
    sim.after(this.#options.pause, () => this.#relink());
  }

  /** The first flights pass each other at once; RESUMED and all behind it take the wires. */
  #relink(): void {
    const { a, b, now } = this.sim;
    const fresh = new MuxSession({ messages: false, nonce: new Uint8Array(8).fill(3), hmac, now });
    const hello = concat(fresh.takeOutput(65_536, now));
    a.mux.resumption!.ask(false, now);
    fresh.feed(concat(a.mux.takeOutput(65_536, now)), now);
    a.mux.feed(hello, now);
    for (let event = fresh.next(); event !== undefined; event = fresh.next())
      if (event.type === 'resume' && !b.mux.acceptResume(event.request, now))
        throw new Error('the session is not known');
    for (const chunk of fresh.handOver()) b.mux.feed(chunk, now);
    this.sim.connect(this.#options);
    this.arm();
  }
}
