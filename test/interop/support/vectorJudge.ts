/** What another validator says of our vectors, against what the file says it does. */
import { execFileSync } from 'node:child_process';
import { provider } from '../../../src/crypto/node.node.ts';
import { answer } from '../../identity/vectors.ts';
import { have, missing } from '../../support/counterpart.ts';
import type { Judge, VectorCase, VectorSuite, Verdict } from '../../vectors/identity/format.ts';

/**
 * True when `program` is there in the version whose differences are noted; each version has its own. Where `CI` is set another
 * one is a failure.
 */
export function haveJudge(program: string, wanted: string): boolean {
  if (!have(program)) return false;
  const version = execFileSync(program, ['version'], { encoding: 'utf8' }).trim();
  return version.includes(wanted) || missing(`wanted ${wanted}, got ${version}`);
}

export interface Judgement {
  readonly id: string;
  readonly result: Verdict;
  /** What it said. */
  readonly context: string;
}

/** Cases where a judge does not say what is noted: neither an unlisted difference nor one that is none any more. */
export function unnoted(
  judge: Judge,
  cases: readonly Pick<VectorCase, 'id' | 'result' | 'judges'>[],
  judgements: readonly Judgement[],
): readonly string[] {
  const said = new Map(judgements.map((one) => [one.id, one]));
  return cases.flatMap(({ id, result, judges }) => {
    const wanted = judges[judge];
    const got = said.get(id);
    if (wanted === null) return got === undefined ? [] : [`${id}: is not to be asked`];
    if (got?.result === wanted) return [];
    return [`${id}: ${judge} says ${got?.result} (${got?.context}), noted is ${wanted}; we say ${result}`];
  });
}

export function summary(judge: Judge, cases: readonly VectorCase[]): string {
  const asked = cases.filter(({ judges }) => judges[judge] !== null);
  const differ = asked.filter(({ judges, result }) => judges[judge] !== result);
  const falls = differ.filter(({ result }) => result === 'FAILURE').length;
  return `${judge}: ${asked.length} of ${cases.length} cases asked, ${asked.length - differ.length} agree; it accepts ${falls} that we refuse, and refuses ${differ.length - falls} that we accept`;
}

/** Where a judge and we say different things; and how many chains we find good, for one that refuses all agrees easily. */
export function differences(
  suite: VectorSuite,
  judgements: readonly Judgement[],
): { readonly good: number; readonly differ: readonly string[] } {
  const said = new Map(judgements.map((one) => [one.id, one]));
  const differ: string[] = [];
  let good = 0;
  for (const one of suite.cases) {
    const ours = answer(suite, one, provider);
    const theirs = said.get(one.id);
    if (ours.result === 'SUCCESS') good++;
    if (ours.result !== theirs?.result)
      differ.push(
        `${one.id}: we say ${ours.message ?? ours.result}, it ${theirs?.context || theirs?.result}`,
      );
  }
  return { good, differ };
}
