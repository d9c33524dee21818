/**
 * Hostile peers made of recorded ones (lesson 36): a few seconds of what `test/slow/tlsFuzz.test.ts` does for minutes.
 * A failure prints its seed; `Q2Q_SEED=… npx vitest run test/tls/fuzz.test.ts` repeats it. And messages stuffed with as
 * much of one thing as fits: nobody's time may grow faster than the bytes that were paid for.
 */
import { describe, expect, it } from 'vitest';
import { type Bytes, EMPTY } from '../../src/base/bytes.ts';
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
} from '../../src/tls/messages/clientHello.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { type Extension, ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import * as ext from '../../src/tls/messages/extensions.ts';
import { growth, LINEAR } from '../support/growth.ts';
import { campaign, describeTally } from '../support/tlsCampaign.ts';
import { record, SCENARIOS, type Scenario, Victim } from '../support/tlsScenarios.ts';
import { readScript, sealMessages, writeScript } from '../support/tlsScript.ts';

it('damaged flights end in one typed error, or in nothing worse than a connection', () => {
  const tally = campaign(3000);
  console.log(describeTally(tally));
  expect(tally.cases).toBeGreaterThan(50);
  expect(tally.opened).toBeGreaterThan(tally.cases / 20);
});

/**
 * A hello of 64 KiB cannot show how its cost grows: what is linear takes a millisecond or two. What is quadratic in it
 * takes fifty, so it is compared with a loop of two million steps that runs in turn with it, on the same busy machine.
 */
const MOST_LOOPS = 8;

function loopsOf(run: () => void): number {
  let [own, loop] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < 10; round++) {
    own = Math.min(own, timeOf(run));
    loop = Math.min(loop, timeOf(twoMillionSteps));
  }
  return own / loop;
}

function timeOf(run: () => void): number {
  const begun = performance.now();
  run();
  return performance.now() - begun;
}

function twoMillionSteps(): void {
  let sum = 1;
  for (let i = 0; i < 2_000_000; i++) sum = (sum * 31 + i) & 0xffff;
  if (sum < 0) throw new RangeError('cannot be');
}

const mutual = SCENARIOS[0]!;
const retried = SCENARIOS.find(({ name }) => name === 'retry')!;

const resuming = SCENARIOS.find(({ name }) => name === 'resumption')!;

const helloOf = (scenario: Scenario, nth = 0): ClientHello => {
  const messages = readScript(record(scenario).sent.client).filter((item) => item.kind === 'message');
  return decodeClientHello(messages[nth]!.body);
};

const replaced = ({ extensions }: ClientHello, ...changes: Extension[]): ExtensionBlock => {
  const types = changes.map(({ type }) => type);
  return new ExtensionBlock([...changes, ...extensions.list.filter(({ type }) => !types.includes(type))]);
};

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const empty = (i: number): Extension => ({ type: 0x1000 + i, data: EMPTY });

/** Content of a one- or two-byte vector inside a two-byte one. */
const vectors = (count: number, width: 1 | 2, size = 1): Uint8Array => {
  const unit = Uint8Array.of(...(width === 2 ? [0] : []), size, ...new Uint8Array(size).fill(97));
  const length = count * unit.length;
  const bytes = new Uint8Array(2 + length);
  bytes.set([length >> 8, length & 255]);
  for (let i = 0; i < count; i++) bytes.set(unit, 2 + i * unit.length);
  return bytes;
};

/** A ClientHello with about `size` bytes of one thing. */
const STUFFED: Readonly<Record<string, (hello: ClientHello, size: number) => Partial<ClientHello>>> = {
  'cipher suites': (hello, size) => ({
    cipherSuites: [...upTo(size / 2).map((i) => 0x2000 + i), ...hello.cipherSuites],
  }),
  'empty extensions': (hello, size) => ({
    extensions: replaced(hello, ...upTo(size / 4).map(empty)),
  }),
  groups: (hello, size) => ({
    extensions: replaced(hello, ext.supportedGroups([...upTo(size / 2).map((i) => 0x1000 + i), 0x1d])),
  }),
  'signature schemes': (hello, size) => ({
    extensions: replaced(hello, ext.signatureAlgorithms([...upTo(size / 2).map((i) => 0x1000 + i), 0x0807])),
  }),
  'key shares': (hello, size) => {
    const groups = upTo(Math.floor(size / 7)).map((i) => 0x1000 + i);
    const shares = groups.map((group) => ({ group, share: Uint8Array.of(1) }));
    const own = ext.readOfferedShares(hello.extensions.get(ExtensionType.keyShare)!);
    return {
      extensions: replaced(
        hello,
        ext.supportedGroups([...groups, 0x1d, 0x17, 0x18]),
        ext.keyShareOffer([...shares, ...own]),
      ),
    };
  },
  protocols: (hello, size) => ({
    extensions: replaced(hello, { type: ExtensionType.alpn, data: vectors(size / 2, 1) }),
  }),
  'server names of other kinds': (hello, size) => {
    const list = vectors(size / 4, 2, 2);
    for (let at = 2; at < list.length; at += 4) list.set([7, 0, 1, 97], at);
    return { extensions: replaced(hello, { type: ExtensionType.serverName, data: list }) };
  },
  codecs: (hello, size) => ({
    extensions: replaced(
      hello,
      { type: 27, data: Uint8Array.of(254, ...new Uint8Array(254)) },
      ...upTo(size / 4).map(empty),
    ),
  }),
  authorities: (hello, size) => ({
    extensions: replaced(hello, { type: 47, data: vectors(size / 4, 2, 2) }),
  }),
  'schemes for certificates': (hello, size) => ({
    extensions: replaced(hello, { ...ext.signatureAlgorithms(upTo(size / 2)), type: 50 }),
  }),
  'keys to resume by': (hello, size) => {
    const count = Math.floor(size / 43);
    const identities = upTo(count).map((i) => ({ identity: Uint8Array.of(1, i >> 8, i & 255, 9), age: 0 }));
    const { list } = replaced(hello, ext.pskModesOffer);
    return {
      extensions: new ExtensionBlock([
        ...list.filter(({ type }) => type !== ExtensionType.preSharedKey),
        ext.preSharedKeyOffer(
          identities,
          identities.map(() => 32),
        ),
      ]),
    };
  },
  'bytes of padding': (hello, size) => ({
    extensions: replaced(hello, { type: ExtensionType.padding, data: new Uint8Array(size) }),
  }),
};

describe('a ClientHello costs what its bytes do, stuffed with', () => {
  for (const [what, stuff] of Object.entries(STUFFED)) {
    const size = 60_000;
    const wire = (scenario: Scenario, bytes: number, nth = 0): Bytes => {
      const hello = helloOf(scenario, nth);
      return sealMessages(encodeClientHello({ ...hello, ...stuff(hello, bytes) }), undefined);
    };

    it(what, () => {
      const scenario = what === 'keys to resume by' ? resuming : mutual;
      const chunk = wire(scenario, size);
      expect(loopsOf(() => void new Victim(scenario, 'server').feed(chunk))).toBeLessThan(MOST_LOOPS);
    });

    it(`${what}, when it comes again after a retry`, () => {
      const chunks = [wire(retried, size), wire(retried, size, 1)];
      expect(loopsOf(() => void new Victim(retried, 'server').feed(...chunks))).toBeLessThan(2 * MOST_LOOPS);
    });
  }
});

describe('byte by byte', () => {
  const { sent } = record(mutual);
  const script = readScript(sent.client);
  const opening = script.slice(
    0,
    script.findIndex(({ kind, type }) => kind === 'record' && type === 23),
  );
  const tag = script.at(opening.length)!.tag!;

  it.each([1, 16_000])(
    'records of %i bytes take linear time',
    (size) => {
      const prepare = (bytes: number): (() => void) => {
        const count = Math.max(1, Math.floor(bytes / size));
        const record = sealMessages(new Uint8Array(size), tag).fill(23, 5 + size, 6 + size);
        return () => {
          const victim = new Victim(mutual, 'server').feed(writeScript(opening));
          const { connection } = victim.end;
          for (let i = 0; i < count; i++) {
            for (const byte of record) connection.feed(Uint8Array.of(byte));
            while (connection.next() !== undefined);
          }
          if (connection.error !== undefined) throw connection.error;
        };
      };
      expect(growth(size === 1 ? 500 : 64_000, prepare)).toBeLessThan(LINEAR);
    },
    30_000,
  );
});
