/** One conversation's card: who is there, how it is protected, what was said. */
import { type Channel, groupPeerId, type Identity, provider } from '../../src/index.ts';
import { Chat, type ReceivedFile } from './chat.ts';
import { fingerprint, problem, size } from './format.ts';

const MEBIBYTE = 1_048_576;
/** Entries kept in a log: a peer that talks without end must not fill the tab. */
const MAX_ENTRIES = 500;

export class Conversation {
  readonly element: HTMLElement;
  readonly #chat: Chat;
  readonly #log: HTMLElement;
  readonly #status: HTMLElement;

  constructor(channel: Channel, identity: Identity) {
    const template = document.querySelector<HTMLTemplateElement>('#conversation')!;
    this.element = template.content.firstElementChild!.cloneNode(true) as HTMLElement;
    this.#log = this.#find('[role=log]');
    this.#status = this.#find('.status');
    this.#describe(channel, identity);
    this.#chat = new Chat(channel, provider, {
      line: (text) => this.#add('peer', text),
      file: (file) => this.#received(file),
      closed: (error) => this.#closed(error),
    });
    this.#listen();
  }

  #find<E extends HTMLElement>(selector: string): E {
    return this.element.querySelector<E>(selector)!;
  }

  #describe(channel: Channel, identity: Identity): void {
    const { role, suite, group, peer } = channel.negotiated;
    const { keyId, name, domain } = channel.peer;
    this.#find('h3').textContent = role === 'client' ? 'You dialled' : 'You were dialled';
    this.element.setAttribute('aria-label', `Conversation with ${name ?? keyId.slice(0, 7)}`);
    this.#find('.name').hidden = name === undefined;
    const facts = {
      name: `${name}, vouched for by ${domain}`,
      'peer-key-id': groupPeerId(keyId),
      'peer-fingerprint': fingerprint(peer!.spki),
      'own-fingerprint': fingerprint(identity.signer.spki),
      suite,
      group,
      role,
      path:
        channel.path.via === undefined ? channel.path.kind : `${channel.path.kind}, via ${channel.path.via}`,
    };
    for (const [name, value] of Object.entries(facts)) this.#find(`[data-fact=${name}]`).textContent = value;
  }

  #listen(): void {
    const form = this.#find<HTMLFormElement>('form');
    const line = this.#find<HTMLInputElement>('[name=line]');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = line.value;
      line.value = '';
      this.#try(async () => {
        await this.#chat.say(text);
        this.#add('you', text);
      });
    });
    const file = this.#find<HTMLInputElement>('[name=file]');
    file.addEventListener('change', () => {
      for (const picked of file.files ?? []) this.#send(picked.name, picked);
      file.value = '';
    });
    this.#find('[name=random]').addEventListener('click', () =>
      this.#send('random.bin', new Blob([provider.random(MEBIBYTE)])),
    );
    this.#find('[name=end]').addEventListener('click', () => this.#chat.end());
  }

  #send(name: string, content: Blob): void {
    this.#try(async () => {
      const hash = await this.#chat.sendFile(name, content);
      this.#add('you', `${name}, ${size(content.size)}, arrived whole\nSHA-256 ${hash}`);
    });
  }

  #received({ name, bytes, hash }: ReceivedFile): void {
    const entry = this.#add('peer', `${name}, ${size(bytes.size)}\nSHA-256 ${hash}\n`);
    const link = document.createElement('a');
    link.textContent = 'Save';
    link.download = name;
    link.href = URL.createObjectURL(bytes);
    entry.append(link);
  }

  #try(action: () => Promise<void>): void {
    action().catch((error: unknown) => this.#add('page', problem(error)));
  }

  #add(from: 'you' | 'peer' | 'page', text: string): HTMLElement {
    const entry = document.createElement('li');
    entry.dataset['from'] = from;
    entry.textContent = text;
    this.#log.append(entry);
    if (this.#log.childElementCount > MAX_ENTRIES) this.#forget(this.#log.firstElementChild!);
    this.#log.scrollTop = this.#log.scrollHeight;
    return entry;
  }

  #forget(entry: Element): void {
    const link = entry.querySelector('a');
    if (link !== null) URL.revokeObjectURL(link.href);
    entry.remove();
  }

  #closed(error: Error | undefined): void {
    this.#status.dataset['state'] = error === undefined ? 'ended' : 'failed';
    this.#status.textContent = error === undefined ? 'Ended' : `Broken off: ${problem(error)}`;
    for (const controls of this.element.querySelectorAll<HTMLElement>('form, .actions'))
      controls.hidden = true;
  }
}
