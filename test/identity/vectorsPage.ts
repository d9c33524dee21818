/** The tables of docs/vectors.md. */
import { DIFFERENCES, UNASKED } from '../vectors/identity/differences.ts';
import type { BundleCase, Judge, VectorCase, VectorSuite } from '../vectors/identity/format.ts';

const JUDGES: readonly Judge[] = ['openssl', 'go'];
const MARK = /(<!-- from here on made by .* -->\n)[\s\S]*$/;

/** `page` with its tables made anew. */
export function withTables(page: string, suite: VectorSuite): string {
  return page.replace(MARK, (_, mark: string) => `${mark}\n${groupTable(suite)}\n${reasonTable()}`);
}

function groupTable({ cases, bundle_cases: bundles }: VectorSuite): string {
  const groups = new Map<string, (VectorCase | BundleCase)[]>();
  for (const one of [...cases, ...bundles]) {
    const group = one.id.split('::')[0]!;
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  const rows = [...groups].map(([group, all]) => {
    const good = all.filter(({ result }) => result === 'SUCCESS').length;
    const counts = JUDGES.map((judge) => differing(all, judge));
    return `| \`${group}\` | ${[all.length, good, ...counts].join(' | ')} |`;
  });
  const total = cases.length + bundles.length;
  return [
    `${total} cases:`,
    '',
    '| group | cases | good | OpenSSL differs | Go differs |',
    '|---|--:|--:|--:|--:|',
    ...rows,
    '',
  ].join('\n');
}

/** Bundles have no notes: OpenSSL cannot be asked, and Go may not differ. */
function differing(all: readonly (VectorCase | BundleCase)[], judge: Judge): number | '–' {
  const chains = all.filter((one) => 'judges' in one);
  if (chains.length === 0) return judge === 'go' ? 0 : '–';
  return chains.filter(({ judges, result }) => judges[judge] !== null && judges[judge] !== result).length;
}

function reasonTable(): string {
  const cell = (ids: readonly string[] = []): string => ids.map((id) => `\`${id}\``).join(' ');
  const rows = Object.values({ ...DIFFERENCES, ...UNASKED }).map(
    ({ why, openssl, go }) => `| ${why} | ${cell(openssl)} | ${cell(go)} |`,
  );
  return [
    'Where a judge says the opposite of us or is not asked, and why:',
    '',
    '| | OpenSSL | Go |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
