import { expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { nodeProvider } from '../../src/crypto/node.node.ts';
import { performAdmin } from '../../src/relay/admin.ts';
import { DomainService } from '../../src/relay/domain.ts';
import { MemoryDomainStore } from '../../src/relay/store.ts';

const provider = nodeProvider();

async function domain(): Promise<{ service: DomainService; store: MemoryDomainStore }> {
  const store = new MemoryDomainStore();
  const service = await DomainService.open({
    ...{ store, provider, clock: systemClock, logger: silent, domain: 'example.org' },
    hashPassword: async (password) => password.slice(0, 32),
  });
  return { service, store };
}

it('sets a password, and makes the account', async () => {
  const { service, store } = await domain();
  expect(await performAdmin(service, { do: 'password', user: 'bob', password: 'x'.repeat(32) })).toEqual({});
  expect(await store.account('bob')).toMatchObject({ user: 'bob', blocked: false });
});

it.each([
  ['what nobody knows', { do: 'dance' }, /"dance" is not known/],
  ['nothing', {}, /"undefined" is not known/],
  ['a password of nobody', { do: 'password', password: 'x' }, /no user/],
  ['a password that is no text', { do: 'password', user: 'bob', password: 5 }, /no password/],
])('refuses %s', async (_what, request, message) => {
  const { service } = await domain();
  await expect(performAdmin(service, request)).rejects.toThrow(message);
});
