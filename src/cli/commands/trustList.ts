/** `q2q trust list`: every domain we hold roots of, and everybody we have met. */
import type { Command } from 'commander';
import { type DomainAnchors, groupPeerId, type Pin, pinFingerprint } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { existingStore } from '../identities.ts';
import { rootKeys } from '../known.ts';
import { allRelays } from '../relays.ts';
import { wordsOf } from '../words.ts';

interface ListOptions {
  readonly json?: boolean;
}

export function addTrustList(trust: Command, run: Run): void {
  trust
    .command('list', { isDefault: true })
    .description('show the domains we know, their roots and relays, and the people we have met')
    .option('--json', 'one JSON object a domain or person')
    .action((options: ListOptions, command: Command) => run(command, (context) => list(options, context)));
}

async function list({ json }: ListOptions, context: Context): Promise<undefined> {
  const { out } = context;
  const store = await existingStore(context);
  if (store === undefined) return undefined;
  const relays = new Map(await allRelays(context));
  const trust = await store.trust();
  for (const domain of [...trust.domains].sort()) {
    const anchors = trust.anchorsFor(domain)!;
    const relay = relays.get(domain);
    if (json === true) out.json(domainRecord(anchors, relay));
    else for (const line of domainLines(anchors, relay)) out.print(line);
  }
  for (const pin of await store.pins()) {
    if (json === true) out.json(pinRecord(pin));
    else for (const line of pinLines(pin)) out.print(line);
  }
  return undefined;
}

/** How we came by the roots, for people. */
const SOURCES = {
  pinned: 'an invite, a file or a person',
  web: 'the domain’s web server',
  tofu: 'first sight, compared by nobody',
} as const;

function domainLines(anchors: DomainAnchors, relay: string | undefined): readonly string[] {
  const { domain, sequence = 0, source = 'pinned' } = anchors;
  const withdrawn = withdrawnIn(anchors);
  return [
    domain,
    ...rootKeys(anchors).flatMap((key) => [
      `  root key   ${groupPeerId(key)}`,
      `  words      ${wordsOf(key)}`,
    ]),
    ...(anchors.roots.length === 0 ? ['  root key   none: the domain has withdrawn itself'] : []),
    `  known by   ${SOURCES[source]}`,
    `  bundle     ${sequence === 0 ? 'none yet' : `number ${sequence}`}`,
    ...(withdrawn === 0 ? [] : [`  withdrawn  ${withdrawn} of its certificates and keys`]),
    `  relay      ${relay ?? 'none'}`,
  ];
}

function pinLines(pin: Pin): readonly string[] {
  return [
    pin.address,
    `  ${pin.userCa === undefined ? 'key id ' : 'user CA'}    ${groupPeerId(pinFingerprint(pin))}`,
    `  seen       ${day(pin.firstSeen)} to ${day(pin.lastSeen)}, ${pin.keys.length === 1 ? 'one device' : `${pin.keys.length} devices`}`,
    `  compared   ${pin.verified ? 'yes' : `not yet: q2q trust verify ${pin.address}`}`,
  ];
}

function domainRecord(anchors: DomainAnchors, relay: string | undefined): object {
  const { domain, sequence = 0, source = 'pinned' } = anchors;
  const withdrawn = withdrawnIn(anchors);
  return { domain, roots: rootKeys(anchors), source, sequence, withdrawn, relay: relay ?? null };
}

function pinRecord({ address, keys, userCa, verified, firstSeen, lastSeen }: Pin): object {
  return {
    ...{ address, keys, userCa: userCa ?? null, verified },
    firstSeen: new Date(firstSeen).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
  };
}

function withdrawnIn({ deniedKeys = [], deniedCertificates = [] }: DomainAnchors): number {
  return deniedKeys.length + deniedCertificates.length;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
