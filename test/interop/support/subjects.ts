/** The subjects of every TLS peer: one list for all, in both roles. What a peer has not, its `lacks` says. */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { withMlKem } from '../../../src/crypto/mlkem.ts';
import { provider as noble } from '../../../src/crypto/noble.ts';
import { provider as node } from '../../../src/crypto/node.node.ts';
import { SUITES } from '../../../src/crypto/suites.ts';
import { Bench, type Conversation, credentialOf, NAME, type OpenOptions } from './bench.ts';
import { certificateSubjects } from './certificateSubjects.ts';
import { BULK, converse, isEnded, isOpen, subjectsOf } from './converse.ts';
import type { Peer, Role } from './meeting.ts';
import { sessionSubjects } from './sessionSubjects.ts';

const FAREWELL = 'farewell'; // what echo programs say after our half is closed

export function describePeer(peer: Peer): void {
  const bench = new Bench();
  describe.skipIf(!peer.found)(peer.name, () => {
    afterEach(({ task }) => bench.stopAll(task.result?.state === 'fail'));
    afterAll(() => bench.dispose());
    const { server, client } = peer;
    if (server !== undefined)
      describe(`our client and ${peer.name} as the server`, () => {
        sharedSubjects(peer, server, bench, (options) => bench.asClient(server, options));
        clientSubjects(server, bench);
        sessionSubjects(server, bench, 'client');
        certificateSubjects(server, bench, 'client');
      });
    if (client !== undefined)
      describe(`${peer.name} as the client and our server`, () => {
        sharedSubjects(peer, client, bench, (options) => bench.asServer(client, options));
        serverSubjects(client, bench);
        sessionSubjects(client, bench, 'server');
        certificateSubjects(client, bench, 'server');
      });
  });
}

type Open = (options?: OpenOptions) => Promise<Conversation>;

/** What is the same whoever dials. */
function sharedSubjects(peer: Peer, role: Role, bench: Bench, open: Open): void {
  const subject = subjectsOf(role);

  for (const { name } of SUITES)
    it(`talk over ${name}`, async () => {
      const conversation = await open({ config: { suites: [name] } });
      await converse(role, conversation);
      expect(conversation.us.connection.negotiated).toMatchObject({ suite: name, helloRetried: false });
    });

  it('talk when ours is the portable provider', async () => {
    await converse(role, await open({ provider: noble }));
  });

  if (peer.hybrid)
    it('agree on X25519MLKEM768', async () => {
      const conversation = await open({ provider: withMlKem(node) });
      await converse(role, conversation);
      expect(conversation.us.connection.negotiated).toMatchObject({
        group: 'X25519MLKEM768',
        helloRetried: false,
      });
    });

  for (const kind of peer.kinds)
    subject('keys', `authenticate each other with ${kind} keys`, async () => {
      const pki = bench.pki(kind);
      const credentials = [credentialOf(role === peer.client ? pki.server : pki.client)];
      const conversation = await open({
        kind,
        config: { credentials, clientCertificate: 'require' },
        wish: { clientCertificate: 'require', ...(role === peer.client && { credential: pki.client }) },
      });
      await converse(role, conversation);
      const names = conversation.us.connection.negotiated?.peer?.leaf?.names;
      expect(role === peer.client ? names?.email : names?.dns).toContain(
        role === peer.client ? `alice@${NAME}` : NAME,
      );
    });

  subject('protocol', 'agree on the protocol both have', async () => {
    const conversation = await open({
      config: { alpn: ['q2q/1', 'http/1.1'] },
      wish: { alpn: ['h2', 'q2q/1'] },
    });
    await converse(role, conversation);
    expect(conversation.us.connection.negotiated?.alpn).toBe(role.protocol ?? 'q2q/1');
  });

  subject('our key update', 'go on after an update of our keys that asks for theirs', async () => {
    const conversation = await open();
    const { us } = conversation;
    await us.until(isOpen);
    if (role.speaks !== 'http') await converse(role, conversation, 'before');
    us.connection.updateKeys(true);
    us.turn();
    await converse(role, conversation, 'after');
    if (role.speaks !== 'http') await converse(role, conversation, 'once more');
  });

  subject('their key update', 'go on after an update of their keys that asks for ours', async () => {
    const conversation = await open();
    await converse(role, conversation, 'before');
    await role.rekey!(conversation.far);
    await converse(role, conversation, 'after');
    await converse(role, conversation, 'once more');
  });

  for (const [what, label] of [
    ['export the same key', 'EXPORTER-q2q-interop'],
    ['have the same tls-exporter binding', 'EXPORTER-Channel-Binding'], // RFC 9266
  ] as const)
    subject('exporter', what, async () => {
      const conversation = await open({ wish: { exporter: label } });
      await converse(role, conversation);
      const { us, far } = conversation;
      const { connection } = us;
      const isBinding = label === 'EXPORTER-Channel-Binding';
      const ours = isBinding
        ? connection.channelBinding()
        : connection.exportKey(label, new Uint8Array(0), 32);
      us.closeWrite(); // some say it when they end
      far.endInput();
      const [, theirs] = await far.until(role.exported!);
      expect(theirs!.replaceAll(/[^0-9a-f]/gi, '').toLowerCase()).toBe(Buffer.from(ours).toString('hex'));
    });

  subject('bulk', 'pass 200 kB each way unchanged', async () => {
    const conversation = await open();
    await converse(role, conversation, BULK);
  });

  subject('our half-close', 'hear the other after our half is closed', async () => {
    const { us } = await open();
    await us.until(isOpen);
    us.closeWrite();
    await us.until(({ received }) => received.includes(FAREWELL));
    await us.until(isEnded);
  });

  subject('their half-close', 'be heard after their half is closed', async () => {
    const { us, far } = await open();
    await us.until(isOpen);
    if (role.speaks === 'talk') far.endInput();
    else us.write(Buffer.from('close your half\n'));
    await us.until(isEnded);
    us.write(Buffer.from('still here\n'));
    await far.until(/still here/);
    us.closeWrite();
  });

  subject('close', 'end in order', async () => {
    const conversation = await open();
    await converse(role, conversation);
    const { us, far } = conversation;
    const theyBegin = role.speaks === 'talk' && role.lacks['their close'] === undefined;
    if (theyBegin || role.endsWithInput) far.endInput();
    if (theyBegin) await us.until(isEnded);
    us.closeWrite();
    await us.until(isEnded);
    expect(us.connection.phase).toBe('closed');
  });
}

function clientSubjects(role: Role, bench: Bench): void {
  const subject = subjectsOf(role);
  const open: Open = (options) => bench.asClient(role, options);

  for (const group of ['secp384r1', 'secp256r1'] as const)
    subject('retry', `retry for ${group}`, async () => {
      const conversation = await open({
        config: { groups: ['x25519', 'secp256r1', 'secp384r1'] },
        wish: { groups: [group] },
      });
      await converse(role, conversation);
      expect(conversation.us.connection.negotiated).toMatchObject({ group, helloRetried: true });
    });

  subject('no common protocol', 'fail when no protocol is common', async () => {
    const { us } = await open({ config: { alpn: ['q2q/1'] }, wish: { alpn: ['h2'] } });
    const alert = role.alerts?.noProtocol ?? 'no_application_protocol'; // ours, where it goes on without
    expect(await us.failure()).toMatchObject({ alert });
  });

  subject('client certificate', 'hear the alert when we have no certificate to show', async () => {
    const { us } = await open({ wish: { clientCertificate: 'require' } });
    const alert = role.alerts?.noCertificate ?? 'certificate_required';
    expect(await us.failure()).toMatchObject({ alert, alertFrom: 'peer' });
  });

  subject('requested certificate', 'go on without a certificate that is only requested', async () => {
    await converse(role, await open({ wish: { clientCertificate: 'request' } }));
  });

  subject('untrusted certificate', 'hear the alert when nobody believes our certificate', async () => {
    const credentials = [credentialOf(bench.pki().stranger)];
    const { us } = await open({ config: { credentials }, wish: { clientCertificate: 'require' } });
    const alert = role.alerts?.untrusted ?? 'unknown_ca';
    expect(await us.failure()).toMatchObject(
      alert === 'dropped' ? { code: 'ERR_TLS_TRUNCATED' } : { alert, alertFrom: 'peer' },
    );
  });

  it('tell it why its certificate is refused', async () => {
    const { us, far } = await open({ wish: { credential: bench.pki().expired } });
    expect(await us.failure()).toMatchObject({ alert: 'certificate_expired', alertFrom: 'local' });
    await far.until(role.refused ?? /expired/i);
  });
}

function serverSubjects(role: Role, bench: Bench): void {
  const subject = subjectsOf(role);
  const open: Open = (options) => bench.asServer(role, options);

  for (const retryCookie of [false, true])
    subject('retry', `retry for secp384r1${retryCookie ? ' with a cookie' : ''}`, async () => {
      const conversation = await open({
        config: { groups: ['secp384r1'], retryCookie },
        wish: { groups: ['x25519', 'secp384r1'] },
      });
      await converse(role, conversation);
      const { negotiated } = conversation.us.connection;
      expect(negotiated).toMatchObject({ group: 'secp384r1', helloRetried: true });
    });

  subject('cookie alone', 'retry for nothing but a cookie', async () => {
    const conversation = await open({ config: { retryCookie: true } });
    await converse(role, conversation);
    expect(conversation.us.connection.negotiated?.helloRetried).toBe(true);
  });

  subject('no common protocol', 'tell it that no protocol is common', async () => {
    const { us, far } = await open({ config: { alpn: ['q2q/1'] }, wish: { alpn: ['h2'] } });
    expect(await us.failure()).toMatchObject({ alert: 'no_application_protocol', alertFrom: 'local' });
    await far.until(/no.?(?:common |supported )?application.?protocol/i);
  });

  subject('client certificate', 'tell it that a certificate is required', async () => {
    const { us, far } = await open({ config: { clientCertificate: 'require' } });
    expect(await us.failure()).toMatchObject({ alert: 'certificate_required', alertFrom: 'local' });
    await far.until(/certificate.?(?:is )?required/i);
  });

  subject('requested certificate', 'take its silence when a certificate is only requested', async () => {
    const conversation = await open({ config: { clientCertificate: 'request' } });
    await converse(role, conversation);
    expect(conversation.us.connection.negotiated?.peer).toBeUndefined();
  });

  subject('untrusted certificate', 'tell it that its certificate is not believed', async () => {
    const { us, far } = await open({
      config: { clientCertificate: 'require' },
      wish: { credential: bench.pki().stranger },
    });
    expect(await us.failure()).toMatchObject({ alert: 'unknown_ca', alertFrom: 'local' });
    await far.until(/unknown.?(?:ca|certificate authority)|CA is unknown/i);
  });

  it('hear that our certificate is not believed', async () => {
    const { us } = await open({ config: { credentials: [credentialOf(bench.pki().expired)] } });
    expect(await us.failure()).toMatchObject(
      role.alerts?.untrusted === 'dropped' ? { code: 'ERR_TLS_TRUNCATED' } : { alertFrom: 'peer' },
    );
  });
}
