import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  type DomainAnchors,
  DomainAuthority,
  groupPeerId,
  MemoryIdentityStore,
  peerId,
  type Witness,
} from '../../src/identity/index.ts';
import { type LadderOptions, trustLadder } from '../../src/peer/ladder.ts';
import type { ResolveTrust } from '../../src/peer/resolveTrust.ts';
import { VirtualClock } from '../support/clock.ts';

const DAY = 86_400_000;
const org = DomainAuthority.create(provider, 'example.org', 0);
const impostor = DomainAuthority.create(provider, 'example.org', 0);
const signal = new AbortController().signal;

class Ladder {
  readonly store = new MemoryIdentityStore();
  readonly clock = new VirtualClock();
  readonly asked: string[] = [];
  web: (() => Uint8Array) | undefined;
  open: (() => Uint8Array) | undefined;
  readonly resolve: ResolveTrust;

  constructor(options: Partial<LadderOptions> & { firstUseFor?: readonly string[] } = {}) {
    const { firstUseFor, ...more } = options;
    const source =
      (which: 'web' | 'open') =>
      async (domain: string): Promise<Uint8Array> => {
        this.asked.push(`${which} ${domain}`);
        const answer = this[which];
        if (answer === undefined) throw new Error(`no ${which}`);
        return answer();
      };
    this.resolve = trustLadder({
      ...{ store: this.store, clock: this.clock, provider, web: source('web') },
      ...(firstUseFor !== undefined && {
        firstUse: { wanted: (domain: string) => firstUseFor.includes(domain), source: source('open') },
      }),
      ...more,
    });
  }

  at(held?: DomainAnchors): Promise<DomainAnchors | undefined> {
    return this.resolve('example.org', { signal, ...(held !== undefined && { held }) });
  }
}

const bundle = (authority: DomainAuthority, sequence: number) => (): Uint8Array =>
  authority.bundle({ sequence, now: 0 });
const PINNED: DomainAnchors = { domain: 'example.org', roots: [org.root] };

describe('a domain of which nothing is held', () => {
  test('is believed over the web, and kept', async () => {
    const ladder = new Ladder();
    ladder.web = bundle(org, 1);
    expect(await ladder.at()).toMatchObject({ source: 'web', sequence: 1 });
    expect(await ladder.store.anchors('example.org')).toMatchObject({ source: 'web', sequence: 1 });
    expect(await ladder.resolve('Example.org', { signal })).toMatchObject({ sequence: 1 });
    expect(ladder.asked).toEqual(['web example.org']);
  });

  test('is not believed at first sight because https fails', async () => {
    const ladder = new Ladder({ firstUseFor: ['example.com'] });
    ladder.open = bundle(impostor, 1);
    await expect(ladder.at()).rejects.toThrow('no web');
    expect(ladder.asked).toEqual(['web example.org']);
    expect(await ladder.store.anchors('example.org')).toBeUndefined();
  });

  test('is believed at first sight where that is wanted, and the web is not asked', async () => {
    const ladder = new Ladder({ firstUseFor: ['example.org'] });
    ladder.web = bundle(impostor, 9);
    ladder.open = bundle(org, 1);
    expect(await ladder.at()).toMatchObject({ source: 'tofu' });
    expect(ladder.asked).toEqual(['open example.org']);
  });

  test('is refused when the bundle is of another, or none', async () => {
    const ladder = new Ladder();
    const other = DomainAuthority.create(provider, 'example.com', 0);
    ladder.web = bundle(other, 1);
    await expect(ladder.at()).rejects.toMatchObject({ code: 'ERR_IDENTITY_BUNDLE_DOMAIN' });
    ladder.web = () => new Uint8Array(9);
    await expect(ladder.at()).rejects.toMatchObject({ code: 'ERR_IDENTITY_BUNDLE' });
  });
});

describe('a domain that is held', () => {
  test.each([undefined, 'pinned', 'web', 'tofu'] as const)('as %s needs nothing', async (source) => {
    const ladder = new Ladder({ firstUseFor: ['example.org'] });
    await ladder.store.putAnchors({ ...PINNED, ...(source && { source }) });
    expect(await ladder.at()).toMatchObject({ roots: [org.root] });
    expect(ladder.asked).toEqual([]);
  });

  test.each(['pinned', 'web'] as const)('as %s never falls to first sight', async (source) => {
    const ladder = new Ladder({ firstUseFor: ['example.org'] });
    const held = { ...PINNED, source };
    await ladder.store.putAnchors(held);
    ladder.open = bundle(impostor, 5);
    await expect(ladder.at(held)).rejects.toThrow('no web');
    ladder.web = bundle(impostor, 5);
    await expect(ladder.at(held)).rejects.toMatchObject({ code: 'ERR_IDENTITY_PIN_CHANGED' });
    expect(ladder.asked).toEqual(['web example.org', 'web example.org']);
    expect(await ladder.store.anchors('example.org')).toMatchObject({ roots: [org.root], source });
  });

  test('that shows another root is refused with both fingerprints', async () => {
    const ladder = new Ladder({ firstUseFor: ['example.org'] });
    ladder.open = bundle(org, 1);
    const held = await ladder.at();
    ladder.open = bundle(impostor, 2);
    const error = (await ladder.at(held).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'ERR_IDENTITY_PIN_CHANGED' });
    for (const { root } of [org, impostor]) expect(error.message).toContain(groupPeerId(peerId(root.spki)));
  });

  test('and rolled passes, also when it was slept through', async () => {
    const ladder = new Ladder({ firstUseFor: ['example.org'] });
    ladder.open = bundle(org, 1);
    const held = await ladder.at();
    const rolled = org.roll(0).retire();
    ladder.open = bundle(rolled, 3);
    expect(await ladder.at(held)).toMatchObject({ roots: [rolled.root], source: 'tofu' });
    expect(await ladder.store.anchors('example.org')).toMatchObject({ sequence: 3 });
  });

  test('better by the store than by the peer is taken from there', async () => {
    const ladder = new Ladder();
    ladder.web = bundle(org, 4);
    await ladder.at();
    expect(await ladder.at(PINNED)).toMatchObject({ sequence: 4 });
    expect(ladder.asked).toHaveLength(1);
  });

  test('and has said nothing for too long is asked again, and closed if it says nothing', async () => {
    const ladder = new Ladder();
    ladder.web = bundle(org, 1);
    await ladder.at();
    ladder.clock.advance(31 * DAY);
    await expect(ladder.at()).rejects.toMatchObject({ code: 'ERR_IDENTITY_BUNDLE_EXPIRED' });
    ladder.web = undefined;
    await expect(ladder.at()).rejects.toThrow('no web');
    ladder.web = () => org.bundle({ sequence: 2, now: 31 * DAY });
    expect(await ladder.at()).toMatchObject({ sequence: 2 });
  });

  test('at first sight is asked over the web once first sight is not wanted any more', async () => {
    const ladder = new Ladder();
    const held: DomainAnchors = { ...PINNED, source: 'tofu' };
    ladder.web = bundle(org, 2);
    expect(await ladder.at(held)).toMatchObject({ sequence: 2 });
    expect(ladder.asked).toEqual(['web example.org']);
  });
});

describe('witnesses', () => {
  const says = (name: string, authority: DomainAuthority): Witness => ({
    name,
    roots: async () => authority.roots,
  });

  test('are asked at the first contact only, before anything is kept', async () => {
    const asked: string[] = [];
    const bob: Witness = {
      name: 'bob@example.net',
      roots: async (domain) => {
        asked.push(domain);
        return org.roots;
      },
    };
    const ladder = new Ladder({ firstUseFor: ['example.org'], witnesses: { ask: [bob], quorum: 1 } });
    ladder.open = bundle(org, 1);
    const held = await ladder.at();
    ladder.open = bundle(org, 2);
    await ladder.at(held);
    expect(asked).toEqual(['example.org']);
  });

  test.each(['web', 'open'] as const)('who disagree stop it (%s)', async (way) => {
    const witnesses = { ask: [says('bob@example.net', org), says('carol@example.net', org)], quorum: 2 };
    const ladder = new Ladder({ witnesses, ...(way === 'open' && { firstUseFor: ['example.org'] }) });
    ladder[way] = bundle(impostor, 1);
    await expect(ladder.at()).rejects.toMatchObject({ code: 'ERR_IDENTITY_WITNESS' });
    expect(await ladder.store.anchors('example.org')).toBeUndefined();
  });
});
