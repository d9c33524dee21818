/**
 * A peer in a tab: makes a key, keeps a link to the relay that served the page, takes calls and makes them. In a project of
 * your own the imports of this folder come from 'q2q'.
 */
import {
  type Channel,
  groupPeerId,
  type Identity,
  Peer,
  parsePeerId,
  selfSignedIdentity,
} from '../../src/index.ts';
import { PROTOCOL } from './chat.ts';
import { Conversation } from './conversation.ts';
import { fingerprint, problem } from './format.ts';
import { pageRelay } from './relay.ts';
import { newTabKey, type TabKeyKind, tabKey } from './tabKey.ts';

const KIND_NAMES: Readonly<Record<string, string>> = { p256: 'P-256', ed25519: 'Ed25519' };

function find<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

function show(id: string, text: string, state?: string): void {
  const element = find(id);
  element.textContent = text;
  if (state !== undefined) element.dataset['state'] = state;
}

const key = tabKey();
const identity = selfSignedIdentity(key, Date.now());
describeOwn(identity);
listenToControls();
try {
  await connect();
} catch (error) {
  show('relay', `No relay: ${problem(error)}`, 'failed');
}

function describeOwn({ keyId, signer }: Identity): void {
  show('own-key-id', groupPeerId(keyId));
  show('own-fingerprint', fingerprint(signer.spki));
  show('own-key-kind', KIND_NAMES[signer.kind]!);
  find<HTMLSelectElement>('key-kind').value = signer.kind;
}

function listenToControls(): void {
  find('copy').addEventListener('click', () => void copy());
  find('new-key').addEventListener('click', () => {
    newTabKey(find<HTMLSelectElement>('key-kind').value as TabKeyKind);
    location.reload();
  });
}

/** Pages that came over plain http have no clipboard: the text is selected instead. */
async function copy(): Promise<void> {
  try {
    await navigator.clipboard.writeText(identity.keyId);
    show('copy', 'Copied');
    setTimeout(() => show('copy', 'Copy key id'), 2_000);
  } catch {
    getSelection()?.selectAllChildren(find('own-key-id'));
  }
}

async function connect(): Promise<void> {
  const { config, trust } = await pageRelay();
  const me = await Peer.create({ identity, trust, relays: [config] });
  addEventListener('pagehide', () => void me.close());
  me.on('relay', ({ state, domain, error }) => {
    if (state === 'up') show('relay', `Connected to the relay of ${domain}`, 'open');
    else
      show(
        'relay',
        `Lost the relay${error === undefined ? '' : `: ${problem(error)}`}. Trying again …`,
        'failed',
      );
  });
  const takeCalls = find<HTMLInputElement>('take-calls');
  await me.listen(PROTOCOL, { description: 'a browser tab', authorize: () => takeCalls.checked }, begin);
  show('relay', `Connected to the relay of ${config.domain}`, 'open');
  find('dial').addEventListener('submit', (event) => {
    event.preventDefault();
    void dial(me, find<HTMLTextAreaElement>('peer').value);
  });
}

async function dial(me: Peer, text: string): Promise<void> {
  show('dial-status', 'Dialling …', 'dialling');
  try {
    const channel = await me.dial(`${dialled(text)}/${PROTOCOL}`);
    show('dial-status', '', 'open');
    await begin(channel);
  } catch (error) {
    show('dial-status', problem(error), 'failed');
  }
}

/** A key id as people hand it around, or a name of the relay's domain. Throws before anything is sent. */
function dialled(text: string): string {
  const address = text.trim().replace(/\/.*$/, '');
  return address.includes('@') ? address : `key:${parsePeerId(address.replace(/^key:/, ''))}`;
}

/** Resolves when the conversation is over. */
async function begin(channel: Channel): Promise<void> {
  const { element } = new Conversation(channel, identity);
  find('none').hidden = true;
  find('conversations').prepend(element);
  await channel.closed.catch(() => {}); // the card says it
}
