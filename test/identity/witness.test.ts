import { describe, expect, test } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  askWitnesses,
  type Certificate,
  DomainAuthority,
  groupPeerId,
  parseBundle,
  peerId,
  Refusal,
  signBundle,
  type Witness,
  type WitnessOptions,
} from '../../src/identity/index.ts';
import { VirtualClock } from '../support/clock.ts';

const org = DomainAuthority.create(node, 'example.org', 0);
const liar = DomainAuthority.create(node, 'example.org', 0);
const rolled = org.roll(0);
const shown = org.bundle({ sequence: 1, now: 0 });
const id = ({ spki }: Certificate): string => groupPeerId(peerId(spki));

const holding = (name: string, ...roots: Certificate[]): Witness => ({ name, roots: async () => roots });
const silent = (name: string): Witness => ({ name, roots: () => new Promise(() => {}) });
const failing = (name: string): Witness => ({
  name,
  roots: async () => {
    throw new Error('not there');
  },
});

function options(witnesses: readonly Witness[], quorum = 1, clock = new VirtualClock()): WitnessOptions {
  return { witnesses, quorum, timeout: 1000, clock, provider: node };
}

async function asked(witnesses: readonly Witness[], quorum = 1, bundle = shown): Promise<string> {
  const answer = await askWitnesses('example.org', bundle, options(witnesses, quorum));
  return answer instanceof Refusal ? answer.message : `agreed: ${answer.join()}`;
}

describe('witnesses', () => {
  test('who hold the same root agree', async () => {
    expect(await asked([holding('bob', org.root), holding('carol', org.root)], 2)).toBe('agreed: bob,carol');
  });

  test('who are a roll behind agree, and who are ahead of an old bundle do not', async () => {
    const after = rolled.retire().bundle({ sequence: 3, now: 0 });
    expect(await asked([holding('bob', org.root)], 1, after)).toBe('agreed: bob');
    expect(await asked([holding('bob', rolled.root)], 1, after)).toBe('agreed: bob');
    expect(await asked([holding('bob', ...rolled.roots)], 1, shown)).toBe('agreed: bob');
    expect(await asked([holding('bob', rolled.root)], 1, shown)).toContain('bob holds');
  });

  test('who see another root stop it, whoever else agrees, and it is said who saw what', async () => {
    const message = await asked(
      [holding('bob', org.root), holding('carol', liar.root), holding('dan', org.root)],
      2,
    );
    expect(message).toContain(`we were shown the root ${id(org.root)} of "example.org"`);
    expect(message).toContain(`carol holds ${id(liar.root)}`);
    expect(message).not.toContain('bob');
  });

  test('a bundle that carries the true root beside a false one deceives nobody', async () => {
    const mixed = signBundle(
      { ...parseBundle(shown), roots: [liar.root, org.root] },
      liar.root,
      liar.rootKey,
    );
    expect(await asked([holding('bob', org.root)], 1, mixed)).toContain('bob holds');
  });

  test('who say nothing count for nothing', async () => {
    const answer = await askWitnesses(
      'example.org',
      shown,
      options([holding('bob', org.root), failing('carol'), holding('dan')], 2),
    );
    expect(answer).toMatchObject({ code: 'ERR_IDENTITY_WITNESS', alert: 'unknown_ca' });
    expect((answer as Refusal).message).toBe(
      '1 of the 2 witnesses that must agree on "example.org" did; carol did not answer (not there), dan holds no root of it',
    );
  });

  test('who are late are not waited for, and are told', async () => {
    const clock = new VirtualClock();
    let told: AbortSignal | undefined;
    const slow: Witness = {
      name: 'carol',
      roots: (_, { signal }) => {
        told = signal;
        return new Promise(() => {});
      },
    };
    const answer = askWitnesses('example.org', shown, options([holding('bob', org.root), slow], 1, clock));
    await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advance(1000);
    expect(await answer).toEqual(['bob']);
    expect(told!.aborted).toBe(true);
    expect(clock.pending).toBe(0);
    const alone = askWitnesses('example.org', shown, options([silent('dan')], 1, clock));
    clock.advance(1000);
    expect(((await alone) as Refusal).message).toContain('no answer within 1000 ms');
  });

  test('are not waited for once the caller gave up', async () => {
    const controller = new AbortController();
    const answer = askWitnesses('example.org', shown, {
      ...options([silent('bob')]),
      signal: controller.signal,
    });
    controller.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    await expect(
      askWitnesses('example.org', shown, { ...options([silent('bob')]), signal: controller.signal }),
    ).rejects.toThrow('enough');
  });

  test.each([0, 2, 1.5, Number.NaN])('a quorum of %s among one is a mistake', async (quorum) => {
    await expect(askWitnesses('example.org', shown, options([silent('bob')], quorum))).rejects.toThrow(
      /quorum/,
    );
  });

  test('are not too many, and a bundle is one', async () => {
    const crowd = Array.from({ length: 17 }, (_, i) => holding(`w${i}`, org.root));
    await expect(askWitnesses('example.org', shown, options(crowd))).rejects.toThrow(/at most 16/);
    await expect(
      askWitnesses('example.org', new Uint8Array(3), options([holding('bob', org.root)])),
    ).rejects.toMatchObject({ code: 'ERR_IDENTITY_BUNDLE' });
  });
});
