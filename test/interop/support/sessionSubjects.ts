/** Resumption and early data with every TLS peer that has them. `ours` is our role. */
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { provider as node } from '../../../src/crypto/node.node.ts';
import type { TlsConfigInit } from '../../../src/tls/index.ts';
import { SessionCache, TicketCache, TicketKeys } from '../../../src/tls/resumption.ts';
import type { Driver } from '../../support/nodeTls.ts';
import { type Bench, type Conversation, credentialOf, NAME } from './bench.ts';
import { converse, isEnded, isOpen, subjectsOf } from './converse.ts';
import type { Role, Wish } from './meeting.ts';

const EARLY = 'said before the handshake\n';
const EARLY_LIMIT = 16_384;

export function sessionSubjects(role: Role, bench: Bench, ours: 'client' | 'server'): void {
  if (ours === 'client') asClient(role, bench);
  else asServer(role, bench);
}

function asClient(role: Role, bench: Bench): void {
  const subject = subjectsOf(role);

  /** Two visits, mutually authenticated; the second with the ticket of the first. */
  async function visitTwice(
    config: Partial<TlsConfigInit>,
    wish: Partial<Wish>,
    early?: string,
  ): Promise<Conversation> {
    const context = bench.client({
      config: { tickets: new TicketCache(), credentials: [credentialOf(bench.pki().client)], ...config },
    });
    const all = { wish: { sessions: true, clientCertificate: 'require', ...wish } } as const;
    const first = await bench.asClient(role, all, context);
    await converse(role, first);
    await first.us.until(hasTicket);
    expect(first.us.connection.negotiated?.resumed).toBe(false);
    return bench.again(first, context, early);
  }

  async function expectResumed(conversation: Conversation): Promise<void> {
    const { negotiated } = conversation.us.connection;
    expect(negotiated?.resumed).toBe(true);
    expect(negotiated?.peer?.leaf?.names.dns).toContain(NAME); // who it was at the first visit, judged again
    await conversation.far.until(role.resumed!);
  }

  subject('resumption', 'resume with a ticket', async () => {
    const again = await visitTwice({}, {});
    await converse(role, again);
    await expectResumed(again);
  });

  subject('retried resumption', 'resume through a retry', async () => {
    const again = await visitTwice({ groups: ['x25519', 'secp384r1'] }, { groups: ['secp384r1'] });
    await converse(role, again);
    await expectResumed(again);
    expect(again.us.connection.negotiated?.helloRetried).toBe(true);
  });

  subject('early data', 'have early data accepted', async () => {
    const wish = { earlyData: 'accept', clientCertificate: 'none' } as const;
    const early = role.speaks === 'http' ? 'GET /early HTTP/1.0\r\n\r\n' : EARLY;
    const again = await visitTwice({ earlyData: EARLY_LIMIT }, wish, early);
    await again.us.until(isOpen);
    expect(again.us.connection.negotiated).toMatchObject({ resumed: true, earlyData: 'accepted' });
    if (role.speaks === 'http') await again.us.until(({ received }) => received.includes('200 OK'));
    else if (role.swallowsEarlyData) await converse(role, again);
    else {
      await again.far.until(/said before the handshake/);
      await converse(role, again);
    }
  });

  subject('early data and a retry', 'go on when a retry rejects early data', async () => {
    const wish = { earlyData: 'accept', clientCertificate: 'none', groups: ['secp384r1'] } as const;
    const config = { earlyData: EARLY_LIMIT, groups: ['x25519', 'secp384r1'] } as const;
    const again = await visitTwice(config, wish, EARLY);
    await converse(role, again);
    const { negotiated } = again.us.connection;
    expect(negotiated).toMatchObject({ helloRetried: true, earlyData: 'rejected' });
    expect(again.far.printed).not.toContain('said before');
  });
}

function asServer(role: Role, bench: Bench): void {
  const subject = subjectsOf(role);

  async function visitedTwice(
    config: Partial<TlsConfigInit>,
    wish: Partial<Wish>,
    second?: Partial<TlsConfigInit>,
  ): Promise<Conversation> {
    const base = { clientCertificate: 'require', ...config } as const;
    const context = bench.server({ config: base });
    const all = { wish: { sessions: true, credential: bench.pki().client, ...wish } } as const;
    const first = await bench.asServer(role, all, context);
    if (role.resumesAtOnce) await first.us.until(isEnded);
    else {
      await converse(role, first);
      if (role.speaks === 'talk') first.far.endInput();
    }
    expect(first.us.connection.negotiated?.resumed).toBe(false);
    return bench.again(first, second ? bench.server({ config: { ...base, ...second } }) : context);
  }

  async function expectResumed({ us, far }: Conversation): Promise<void> {
    const { negotiated } = us.connection;
    expect(negotiated?.resumed).toBe(true);
    expect(negotiated?.peer?.leaf?.names.email).toContain(`alice@${NAME}`);
    await far.until(role.resumed!);
  }

  for (const resumption of [new TicketKeys(node), new SessionCache(node)])
    subject('resumption', `resume with a ticket of ${resumption.constructor.name}`, async () => {
      const again = await visitedTwice({ resumption }, {});
      await converse(role, again);
      await expectResumed(again);
    });

  subject('retried resumption', 'resume through a retry', async () => {
    const config = { resumption: new TicketKeys(node), groups: ['secp384r1'] } as const;
    const again = await visitedTwice(config, { groups: ['x25519', 'secp384r1'] });
    await converse(role, again);
    await expectResumed(again);
    expect(again.us.connection.negotiated?.helloRetried).toBe(true);
  });

  subject('early data', 'take early data', async () => {
    const config = { resumption: new SessionCache(node), earlyData: EARLY_LIMIT };
    const again = await visitedTwice(config, { earlyData: earlyFile() });
    await converse(role, again);
    expect(again.us.connection.negotiated).toMatchObject({ resumed: true, earlyData: 'accepted' });
    expect(earlyDataOf(again.us)).toBe(EARLY);
  });

  subject('early data', 'skip early data that is not accepted', async () => {
    const config = { resumption: new SessionCache(node), earlyData: EARLY_LIMIT };
    const again = await visitedTwice(config, { earlyData: earlyFile() }, { earlyData: 0 });
    await converse(role, again);
    expect(again.us.connection.negotiated?.earlyData).not.toBe('accepted');
    expect(earlyDataOf(again.us)).toBe('');
  });

  function earlyFile(): string {
    const file = bench.file('early');
    writeFileSync(file, EARLY);
    return file;
  }
}

const hasTicket = ({ events }: Driver): boolean => events.some(({ type }) => type === 'ticket');

export function earlyDataOf({ events }: Driver): string {
  const chunks = events.flatMap((event) => (event.type === 'earlyData' ? [event.bytes] : []));
  return Buffer.concat(chunks).toString();
}
