/** `q2q trust add`: a domain's roots: from a file, from its web server, or at first sight. */
import { type Command, Option } from 'commander';
import { type DomainAnchors, groupPeerId, parseDomain, Refusal } from '../../identity/index.ts';
import { believeShown } from '../../identity/tofu.ts';
import { fetchWellKnown } from '../../peer/wellKnown.ts';
import { parseRelayUrl } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { usage } from '../errors.ts';
import { addExamples } from '../help.ts';
import { existingStore, openStore } from '../identities.ts';
import { rootKeys } from '../known.ts';
import { rememberRelay } from '../relays.ts';
import { readRoots } from '../roots.ts';
import { wordsOf } from '../words.ts';

interface AddOptions {
  readonly root?: string;
  /** An origin, or true for `https://DOMAIN`. */
  readonly web?: string | true;
  readonly tofu?: string;
  readonly relay?: string;
}

export function addTrustAdd(trust: Command, run: Run): void {
  const add = trust
    .command('add')
    .description('believe a domain: by a root file that you trust, its web server, or at first sight')
    .argument('<domain>', 'the domain')
    .addOption(
      new Option('--root <file>', 'its root certificate, PEM or DER, "-" for stdin').conflicts([
        'web',
        'tofu',
      ]),
    )
    .addOption(
      new Option(
        '--web [origin]',
        'what it says at https://DOMAIN/.well-known/q2q, or at another port of that host',
      ).conflicts('tofu'),
    )
    .option('--tofu <origin>', 'what is said at http:// or https://…, whoever that is: compare the words')
    .option('--relay <url>', 'its relay, ws://, wss:// or tcp://')
    .action((domain: string, options: AddOptions, command: Command) =>
      run(command, (context) => addAnchors(domain, options, context)),
    );
  addExamples(add, [
    'q2q trust add example.org --root root.pem --relay wss://relay.example.org/',
    'q2q trust add example.org --web',
    'q2q trust add example.org --tofu http://192.168.1.5:8788',
  ]);
}

interface Found {
  readonly anchors: DomainAnchors;
  readonly relay: string | undefined;
}

async function addAnchors(text: string, options: AddOptions, context: Context): Promise<undefined> {
  const { out } = context;
  const domain = parseDomain(text);
  if (options.relay !== undefined) parseRelayUrl(options.relay, '--relay');
  const { anchors, relay } =
    options.root === undefined
      ? await published(domain, options, context)
      : { anchors: { domain, roots: await readRoots(options.root, context.stdin) }, relay: undefined };
  // A file that the person trusts replaces what is held; what a server says had to follow from it.
  await (await openStore(context)).putAnchors(anchors, { replace: options.root !== undefined });
  const url = options.relay ?? relay;
  if (url !== undefined) await rememberRelay(context, domain, url);
  for (const key of rootKeys(anchors)) {
    out.say(`${domain} is vouched for by the key ${groupPeerId(key)}`);
    out.say(`its words: ${wordsOf(key)}`);
  }
  if (anchors.source === 'tofu')
    out.say(`nobody has compared them: q2q trust verify ${domain}, with the people who run it`);
  return undefined;
}

/** What the domain says of itself; where something is held of it already, that must answer for it. */
async function published(domain: string, options: AddOptions, context: Context): Promise<Found> {
  const { provider, signal } = context;
  const source = options.tofu === undefined ? 'web' : 'tofu';
  const origin = originOf(domain, options);
  const shown = await fetchWellKnown(origin, { signal });
  const held = await (await existingStore(context))?.anchors(domain);
  const { bundle } = shown;
  const anchors = believeShown({ domain, bundle, source }, held, Date.now(), provider);
  if (anchors instanceof Refusal) throw anchors;
  return { anchors, relay: shown.relays[0] };
}

/** The web's PKI vouches for a host; only that of the domain speaks for it. */
function originOf(domain: string, { web, tofu }: AddOptions): string {
  const text = tofu ?? (web === true ? `https://${domain}` : web);
  if (text === undefined)
    throw usage('how to believe the domain is not said', 'by --root FILE, --web, or --tofu ORIGIN');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const what = tofu === undefined ? '--web' : '--tofu';
  if (url === undefined || url.pathname !== '/' || !/^https?:$/.test(url.protocol))
    throw usage(`${what} is "${text}", wanted an origin such as https://${domain}`);
  if (tofu === undefined && (url.protocol !== 'https:' || url.hostname !== domain))
    throw usage(
      `--web is "${text}", wanted https://${domain}`,
      'any other server is --tofu: believed at first sight',
    );
  return url.origin;
}
