/** How the two ends of an interop test talk once the handshake is done. */
import { expect, it } from 'vitest';
import type { Driver } from '../../support/nodeTls.ts';
import type { Conversation } from './bench.ts';
import type { Role, Subject } from './meeting.ts';

/** `it`, left out where the role lacks the subject. */
export function subjectsOf({
  lacks,
}: Role): (subject: Subject, name: string, test: () => Promise<void>) => void {
  return (subject, name, test) => {
    if (lacks[subject] === undefined) it(name, test);
  };
}

export const isOpen = ({ connection }: Driver): boolean => connection.phase === 'open';
export const isEnded = ({ events }: Driver): boolean => events.some(({ type }) => type === 'end');

/** Lines of digits: no program takes one for a command. */
export const BULK: string = Array.from({ length: 20_000 }, (_, i) => String(100_000_000 + i)).join('\n');

/** Text both ways, and the same on arrival. */
export async function converse(
  role: Role,
  { us, far }: Conversation,
  text = 'hello over tls',
): Promise<void> {
  await us.until(isOpen);
  switch (role.speaks) {
    case 'echo': {
      const from = us.received.length;
      us.write(Buffer.from(`${text}\n`));
      await us.until(({ received }) => received.length >= from + text.length + 1);
      expect(us.received.slice(from)).toBe(`${text}\n`);
      return;
    }
    case 'talk': {
      const from = us.received.length;
      us.write(Buffer.from(`${text} from us.\n`));
      await far.until(new RegExp(`${lastWords(text)} from us\\.`));
      expect(far.printed.includes(text)).toBe(true);
      far.say(`${text} from them.\n`);
      await us.until(({ received }) => received.slice(from).includes(' from them.'));
      expect(us.received.includes(text, from)).toBe(true);
      return;
    }
    case 'http':
      us.write(Buffer.from(`GET /${text.length < 100 ? encodeURIComponent(text) : ''} HTTP/1.0\r\n\r\n`));
      await us.until(({ received }) => /^HTTP\/1\.. 200/m.test(received));
  }
}

const lastWords = (text: string): string => text.slice(-20);
