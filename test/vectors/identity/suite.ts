/** All groups put together: the contents of `vectors.json`. */
import { type Asked, Book } from './book.ts';
import { DIFFERENCES, UNASKED } from './differences.ts';
import type { Judge, VectorCase, VectorSuite, Verdict } from './format.ts';
import { GROUPS } from './groups/index.ts';

const DESCRIPTION =
  'Certificate chains with the answer of q2q and those of OpenSSL and Go. The form is described in docs/vectors.md.';

const JUDGES: readonly Judge[] = ['openssl', 'go'];

export function makeSuite(): VectorSuite {
  const book = new Book();
  for (const group of GROUPS) group(book);
  checkListed(book.cases);
  return suiteOf(book);
}

export function suiteOf(book: Book): VectorSuite {
  const reasons = { ...DIFFERENCES, ...UNASKED };
  return {
    version: 1,
    description: DESCRIPTION,
    reasons: Object.fromEntries(Object.entries(reasons).map(([reason, { why }]) => [reason, why])),
    certificates: based(book.certificates),
    crls: based(book.crls),
    bundles: based(book.bundles),
    cases: book.cases.map(judged),
    bundle_cases: book.bundleCases,
  };
}

function judged(one: Asked): VectorCase {
  const reasons: Partial<Record<Judge, string>> = {};
  const judges: Partial<Record<Judge, Verdict | null>> = {};
  for (const judge of JUDGES) {
    const differs = reasonOf(DIFFERENCES, judge, one.id);
    const unasked = reasonOf(UNASKED, judge, one.id);
    const reason = differs ?? unasked;
    if (reason !== undefined) reasons[judge] = reason;
    judges[judge] = unasked !== undefined ? null : differs === undefined ? one.result : opposite(one.result);
  }
  return {
    ...one,
    judges: judges as Record<Judge, Verdict | null>,
    ...(Object.keys(reasons).length === 0 ? {} : { reasons }),
  };
}

function reasonOf(lists: typeof DIFFERENCES, judge: Judge, id: string): string | undefined {
  return Object.entries(lists).find(([, difference]) => difference[judge]?.includes(id))?.[0];
}

function opposite(verdict: Verdict): Verdict {
  return verdict === 'SUCCESS' ? 'FAILURE' : 'SUCCESS';
}

/** A difference of a case that is none is a slip of the pen. */
function checkListed(cases: readonly Asked[]): void {
  const known = new Set(cases.map(({ id }) => id));
  for (const judge of JUDGES) {
    const listed = [...Object.values(DIFFERENCES), ...Object.values(UNASKED)].flatMap(
      (one) => one[judge] ?? [],
    );
    const wrong = listed.filter((id, i) => !known.has(id) || listed.indexOf(id) !== i);
    if (wrong.length > 0) throw new Error(`listed for ${judge} but no case, or twice: ${wrong.join(', ')}`);
  }
}

function based(values: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    [...values].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  );
}

/** One line per certificate and per case, so that a change shows as what it is. */
export function formatSuite({ version, description, ...parts }: VectorSuite): string {
  const head = [`"version": ${version}`, `"description": ${JSON.stringify(description)}`];
  const body = Object.entries(parts).map(([name, part]) => `${JSON.stringify(name)}: ${lines(part)}`);
  return `{\n  ${[...head, ...body].join(',\n  ')}\n}\n`;
}

function lines(part: object): string {
  const indented = (texts: readonly string[]): string => texts.map((text) => `\n    ${text}`).join(',');
  if (Array.isArray(part)) return `[${indented(part.map((one) => JSON.stringify(one)))}\n  ]`;
  const entries = Object.entries(part).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{${indented(entries)}\n  }`;
}
