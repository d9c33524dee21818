/**
 * PEM (RFC 7468), in the strict text encoding: whole lines, nothing around the blocks but white space. Every
 * way a file can be wrong has its own error, because people paste PEM by hand.
 */
import { base64, fromBase64 } from '../base/base64.ts';
import type { Bytes } from '../base/bytes.ts';
import { IdentityError, type IdentityErrorCode } from './errors.ts';

export interface PemBlock {
  readonly label: string;
  readonly der: Bytes;
}

/** System bundles of roots are about 250 KB; nothing we read is larger than this. */
const MAX_TEXT = 1 << 20;
const BEGIN = /^-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,63})-----$/;
const END = /^-----END ([A-Z0-9][A-Z0-9 ]{0,63})-----$/;
/** What was to be one of them: dashes lost, another case, something before or behind. Comments may say "-- begin". */
const DAMAGED = /-{3,}\s*(BEGIN|END)\b.*-{3,}/i;
/** The same within a block, where no line has dashes. */
const DAMAGED_WITHIN = /--\s*(BEGIN|END)\b/i;
/** RFC 1421 §4.6: what OpenSSL writes above the body of a key that it encrypts the old way. */
const HEADER = /^[A-Za-z][A-Za-z0-9-]*: /;

/**
 * All blocks in order. Text around them is refused, for a damaged BEGIN line would read as text; bundles of
 * public roots carry comments, and their reader says `{ comments: true }`.
 */
export function parsePem(text: string, options: { readonly comments?: boolean } = {}): PemBlock[] {
  if (text.length > MAX_TEXT)
    throw refused('TOO_BIG', `PEM text of ${text.length} characters, at most ${MAX_TEXT} are read`);
  // NUL is in no text of one byte a character, and U+FFFD is what a decoder makes of octets that are no UTF-8.
  if (/[\0\ufffd]/.test(text))
    throw refused(
      'BINARY',
      'this is no PEM text but binary data',
      'DER? convert it with `openssl x509 -inform DER` or `openssl pkcs12`; UTF-16? save it as UTF-8',
    );
  const lines = text.split(/\r\n|\n|\r/);
  const blocks: PemBlock[] = [];
  let around: number | undefined; // first line outside any block that is not blank
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trimEnd();
    const begin = BEGIN.exec(line);
    if (begin === null) {
      if (END.test(line))
        throw refused(
          'UNOPENED',
          `PEM line ${i + 1} closes a block that no line has begun`,
          'the file is cut short at its beginning: copy it again',
        );
      if (DAMAGED.test(line)) throw damagedBoundary(i);
      if (line.trim() !== '') around ??= i;
      continue;
    }
    const end = endOfBlock(lines, i, begin[1]!);
    blocks.push({ label: begin[1]!, der: decodeBody(lines.slice(i + 1, end), i + 1) });
    i = end;
  }
  if (blocks.length === 0)
    throw refused(
      'NO_BLOCK',
      text.trim() === '' ? 'PEM text is empty' : 'text has no "-----BEGIN …-----" line',
    );
  if (around !== undefined && options.comments !== true)
    throw refused(
      'AROUND',
      `PEM text has something else on line ${around + 1}`,
      'keep only the BEGIN…END blocks',
    );
  return blocks;
}

/** The index of the END line that closes the block begun on line `start`. */
function endOfBlock(lines: readonly string[], start: number, label: string): number {
  for (let i = start + 1; i < lines.length; i++) {
    const line = lines[i]!.trimEnd();
    if (BEGIN.test(line)) break;
    const end = END.exec(line);
    if (end === null) {
      if (DAMAGED_WITHIN.test(line)) throw damagedBoundary(i);
      continue;
    }
    if (end[1] !== label)
      throw refused(
        'LABEL',
        `PEM block "${label}" of line ${start + 1} is closed as "${end[1]}" on line ${i + 1}`,
      );
    return i;
  }
  throw refused(
    'TRUNCATED',
    `PEM block "${label}" of line ${start + 1} has no "-----END ${label}-----" line`,
    'the file is cut short: copy it again',
  );
}

function damagedBoundary(index: number): IdentityError {
  return refused(
    'BOUNDARY',
    `PEM line ${index + 1} is a damaged BEGIN or END line`,
    'five dashes on both sides, capital letters, and nothing else on the line, not even a byte order mark',
  );
}

function decodeBody(lines: readonly string[], first: number): Bytes {
  const bad = lines.findIndex((line) => !/^[A-Za-z0-9+/]*={0,2}\s*$/.test(line));
  if (bad >= 0 && HEADER.test(lines[bad]!))
    throw refused(
      'HEADERS',
      `PEM line ${first + bad + 1} is a header, as in keys that are encrypted the old way`,
      'convert the key with `openssl pkcs8 -topk8 -in F -out G`',
    );
  if (bad >= 0) throw refused('BASE64', `PEM line ${first + bad + 1} is not base64`);
  const body = lines.map((line) => line.trim()).join('');
  if (body === '') throw refused('EMPTY', `PEM block of line ${first} is empty`);
  try {
    return fromBase64(body);
  } catch (cause) {
    throw refused('BASE64', `PEM block of line ${first}: ${(cause as Error).message}`, undefined, cause);
  }
}

/** Exactly the blocks with `label`; anything else in the text is an error that names what was found. */
export function parsePemAs(label: string, text: string): Bytes[] {
  return parsePem(text).map((block) => {
    if (block.label !== label) throw refused('LABEL', `PEM block is a "${block.label}", wanted a "${label}"`);
    return block.der;
  });
}

export function formatPem(label: string, der: Uint8Array): string {
  const body = base64(der).replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
}

type Kind =
  | 'NO_BLOCK'
  | 'TRUNCATED'
  | 'UNOPENED'
  | 'BOUNDARY'
  | 'LABEL'
  | 'HEADERS'
  | 'EMPTY'
  | 'BASE64'
  | 'AROUND'
  | 'BINARY'
  | 'TOO_BIG';

function refused(kind: Kind, message: string, hint?: string, cause?: unknown): IdentityError {
  const code: IdentityErrorCode = `ERR_IDENTITY_PEM_${kind}`;
  return new IdentityError(code, message, { cause, hint });
}
