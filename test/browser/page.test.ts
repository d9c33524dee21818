/** The example's page in Chromium: tab to Node, Node to tab, tab to tab, each end proving its key to the other. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { PROTOCOL } from '../../examples/07-browser/chat.ts';
import { fingerprint } from '../../examples/07-browser/format.ts';
import { provider } from '../../src/node.ts';
import { browserTest, launch } from './browser.ts';
import { NodePeer, type Talk } from './nodePeer.ts';
import { PageRelay } from './pageRelay.ts';
import { type Facts, Tab } from './tab.ts';

/** A name that is no secure context: no crypto.subtle, no clipboard. */
const INSECURE_HOST = 'q2q.test';
const MEBIBYTE = 1_048_576;

describe('the page', () => {
  let browser: Browser | undefined;
  let relay: PageRelay;
  let node: NodePeer;

  beforeAll(async () => {
    relay = await PageRelay.start();
    node = await NodePeer.start(relay);
    browser = await launch(INSECURE_HOST);
  });

  afterAll(async () => {
    await browser?.close();
    await node?.peer.close();
    await relay?.close();
  });

  const open = (host = '127.0.0.1'): Promise<Tab> => Tab.open(browser!, `http://${host}:${relay.port}/`);

  browserTest('a tab dials Node', async () => {
    const tab = await open();
    const card = await tab.dial(node.keyId);
    const talk = await node.next();
    expect(await card.facts()).toEqual(mirrored(talk, node, relay));
    expect(await card.facts()).toMatchObject({ role: 'client', ownFingerprint: await tab.fingerprint() });
    expect(talk.channel.peer.keyId).toBe(await tab.keyId());

    await card.say('hello from a tab');
    expect(await talk.line()).toBe('hello from a tab');
    await talk.chat.say('hello from Node');
    await card.hears('hello from Node');

    const sent = await card.sendRandom();
    expect(talk.files).toMatchObject([{ name: 'random.bin', hash: sent, bytes: { size: MEBIBYTE } }]);
    const back = await talk.chat.sendFile('back.bin', new Blob([provider.random(MEBIBYTE)]));
    expect(await card.receives('back.bin')).toBe(back);

    await card.end();
    expect(await card.ended()).toBe('Ended');
    expect(await talk.over).toBeUndefined();
    expect(tab.complaints).toEqual([]);
    await tab.close();
  });

  browserTest('Node dials a tab, which is the TLS server', async () => {
    const tab = await open();
    await tab.newKey('Ed25519');
    const talk = await node.dial(await tab.keyId());
    const card = await tab.card('You were dialled');
    expect(await card.facts()).toEqual(mirrored(talk, node, relay));
    expect(await card.facts()).toMatchObject({ role: 'server', ownFingerprint: await tab.fingerprint() });
    expect(talk.channel.peer.keyId).toBe(await tab.keyId());

    const there = await talk.chat.sendFile('there.bin', new Blob([provider.random(MEBIBYTE)]));
    expect(await card.receives('there.bin')).toBe(there);
    const picture = provider.random(MEBIBYTE);
    const back = await card.sendFile('picture.png', picture);
    expect(talk.files).toMatchObject([{ name: 'picture.png', hash: back }]);
    expect(Buffer.from(await talk.files[0]!.bytes.arrayBuffer()).equals(picture)).toBe(true);

    talk.chat.end();
    expect(await card.ended()).toBe('Ended');
    expect(await talk.over).toBeUndefined();
    expect(tab.complaints).toEqual([]);
    await tab.close();
  });

  browserTest.each([
    ['two tabs of a secure context', '127.0.0.1'],
    ['two tabs of an insecure origin', INSECURE_HOST],
  ])('%s dial each other', async (_name, host) => {
    const [a, b] = await Promise.all([open(host), open(host)]);
    const dialler = await a.dial(await b.keyId());
    const answerer = await b.card('You were dialled');
    const [seenByA, seenByB] = [await dialler.facts(), await answerer.facts()];
    expect(seenByA).toEqual({
      ...seenByB,
      role: 'client',
      peerKeyId: await b.keyId(),
      peerFingerprint: await b.fingerprint(),
      ownFingerprint: await a.fingerprint(),
    });
    expect(seenByB).toMatchObject({
      role: 'server',
      peerKeyId: await a.keyId(),
      peerFingerprint: seenByA.ownFingerprint,
      ownFingerprint: seenByA.peerFingerprint,
    });

    await dialler.say('<b onclick="alert(1)">are you there?</b>');
    await answerer.hears('<b onclick="alert(1)">are you there?</b>');
    await answerer.say('yes');
    await dialler.hears('yes');
    const sent = await dialler.sendRandom();
    expect(await answerer.receives('random.bin')).toBe(sent);

    await answerer.end();
    expect(await Promise.all([dialler.ended(), answerer.ended()])).toEqual(['Ended', 'Ended']);
    expect([a.complaints, b.complaints]).toEqual([[], []]);
    await Promise.all([a.close(), b.close()]);
  });

  browserTest('a tab that takes no calls cannot be told from one that is not there', async () => {
    const [shy, caller] = await Promise.all([open(), open()]);
    await shy.page.getByLabel('Take calls').uncheck();
    await caller.page.getByLabel('Key id of the other side').fill(`key:${await shy.keyId()}`);
    await caller.page.getByRole('button', { name: 'Dial' }).click();
    const refused = await caller.dialFailure();
    await shy.close();
    await caller.page.getByRole('button', { name: 'Dial' }).click();
    await caller.page.getByText('Dialling').waitFor();
    expect(await caller.dialFailure()).toBe(refused);
    expect(caller.complaints).toEqual([]);
    await caller.close();
  });

  browserTest('a key lasts through a reload; a mistyped key id is refused at once', async () => {
    const tab = await open();
    const keyId = await tab.keyId();
    await tab.page.reload();
    await tab.connected();
    expect(await tab.keyId()).toBe(keyId);
    await tab.page
      .getByLabel('Key id of the other side')
      .fill(keyId.replace(/^./, (c) => (c === 'a' ? 'b' : 'a')));
    await tab.page.getByRole('button', { name: 'Dial' }).click();
    expect(await tab.dialFailure()).toContain('key id');
    expect(tab.complaints).toEqual([]);
    await tab.close();
  });

  browserTest('when the relay comes back, talks go on and the tab can be dialled again', async () => {
    const tab = await open();
    const before = await tab.dial(node.keyId);
    const theirs = await node.next();
    await relay.restart();
    await theirs.chat.say('still here');
    await before.hears('still here');
    await tab.connected();
    const talk = await dialUntilThere(node, await tab.keyId());
    const card = await tab.card('You were dialled');
    await talk.chat.say('back again');
    await card.hears('back again');
    talk.chat.end();
    await card.ended();
    // The browser itself complains that it could not connect; the page must not.
    expect(tab.complaints.filter((line) => !line.includes('WebSocket connection to'))).toEqual([]);
    await tab.close();
  });

  browserTest('a peer that breaks the rules of the chat is cut, and the tab says why', async () => {
    const tab = await open();
    const channel = await node.peer.dial(`key:${await tab.keyId()}/${PROTOCOL}`);
    const card = await tab.card('You were dialled');
    channel.send(new Uint8Array(10_000).fill(0x61));
    expect(await card.ended()).toContain('longer than 8192 bytes');
    await expect(channel.closed).rejects.toThrow();
    expect(tab.complaints).toEqual([]);
    await tab.close();
  });

  browserTest('what the policy forbids does not run, and these tests would see it', async () => {
    const tab = await open();
    await tab.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "taken over"';
      document.body.append(script);
    });
    await expect.poll(() => tab.complaints.join()).toContain('policy violation: script-src');
    expect(await tab.page.title()).toBe('q2q in a tab');
    await tab.close();
  });
});

/** The tab and Node both come back in their own time. */
async function dialUntilThere(node: NodePeer, keyId: string): Promise<Talk> {
  for (let tries = 0; ; tries++) {
    try {
      return await node.dial(keyId);
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** What the card of a tab must say, by what Node saw of the same channel. */
function mirrored({ channel }: Talk, node: NodePeer, relay: PageRelay): Facts {
  const { suite, group, role, peer } = channel.negotiated;
  return {
    peerKeyId: node.keyId,
    peerFingerprint: node.fingerprint,
    ownFingerprint: fingerprint(peer!.spki),
    suite,
    group,
    role: role === 'client' ? 'server' : 'client',
    path: `relayed, via ${relay.url}`,
  };
}
