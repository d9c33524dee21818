/** uniformResourceIdentifier: under constraints (RFC 5280 §4.2.1.10), and as the device of a q2q user. */
import { constraints, type Named } from '../../../identity/maker.ts';
import { type Book, client, peer, type Question } from '../book.ts';

const RULE = 'RFC 5280 §4.2.1.10';

export function uri(book: Book): void {
  const held = (
    id: string,
    description: string,
    limits: { readonly permitted?: Named; readonly excluded?: Named },
    name: string,
    verdict: string,
    more: Partial<Question> = {},
  ): void => {
    const root = book.root(`uri ${id}`, { constraints: constraints(limits.permitted, limits.excluded) });
    const leaf = book.leaf(`uri ${id} leaf`, root, { names: { uri: [name] } });
    book.add(`uri::${id}`, RULE, description, client(leaf, root, more), verdict);
  };
  const permitted = (...uris: string[]): { permitted: Named } => ({ permitted: { uri: uris } });
  const excluded = (...uris: string[]): { excluded: Named } => ({ excluded: { uri: uris } });
  const org = permitted('example.org');
  const broken = 'NAME_CONSTRAINTS';

  held('host-itself', 'A host permits URIs at it', org, 'q2q://example.org/alice/laptop', 'ok');
  held('host-case', 'Hosts are compared without case', org, 'q2q://EXAMPLE.org/alice/laptop', 'ok');
  held(
    'host-below',
    'A host without a dot in front does not cover those below',
    org,
    'q2q://mail.example.org/',
    broken,
  );
  held('host-other', 'Another host', org, 'q2q://example.com/alice', broken);
  held('host-suffix', 'A longer host that ends alike is another host', org, 'q2q://badexample.org/', broken);
  held(
    'dot-below',
    'A dot in front covers the hosts below',
    permitted('.example.org'),
    'q2q://mail.example.org/',
    'ok',
  );
  held('dot-itself', 'But not the host itself', permitted('.example.org'), 'q2q://example.org/', broken);
  held(
    'scheme-free',
    'The constraint is on the host, whatever the scheme',
    org,
    'https://example.org/',
    'ok',
  );
  held('port', 'A port is no part of the host', org, 'q2q://example.org:4433/alice', 'ok');
  held(
    'userinfo',
    'What stands before the at sign is no part of the host',
    org,
    'q2q://alice@example.org/',
    'ok',
  );
  held(
    'userinfo-disguise',
    'A permitted host as the user name of another',
    org,
    'q2q://example.org@example.com/',
    broken,
  );
  held(
    'userinfo-password',
    'A permitted host as the password for another',
    org,
    'q2q://x:example.org@example.com/',
    broken,
  );
  held('path-disguise', 'A permitted host in the path', org, 'q2q://example.com/example.org', broken);
  held(
    'query-disguise',
    'The authority ends at a question mark',
    org,
    'q2q://example.com?@example.org',
    broken,
  );
  held(
    'fragment-disguise',
    'The authority ends at a number sign',
    org,
    'q2q://example.com#@example.org',
    broken,
  );
  held('percent-host', 'A host with an escape in it is not read', org, 'q2q://example%2eorg/', broken);
  held(
    'no-authority',
    'A URI without an authority, under a constraint',
    org,
    'urn:example.org:alice',
    broken,
  );
  held('acct', 'acct: has no authority either (RFC 7565)', org, 'acct:alice@example.org', broken);
  held('empty-host', 'An authority without a host', org, 'q2q:///alice', broken);
  held('ip-host', 'An IP address is no host name', org, 'q2q://192.0.2.1/', broken);
  held(
    'ip-host-permitted',
    'Nor when the constraint names it',
    permitted('192.0.2.1'),
    'q2q://192.0.2.1/',
    broken,
  );
  held('ipv6-host', 'Nor an IPv6 address', org, 'q2q://[2001:db8::1]/', broken);
  const loose = { strict: false } as const;
  held('relative', 'No scheme at all, under a constraint', org, '//example.org/alice', broken, loose);
  held(
    'backslash-disguise',
    'A backslash, at which some readers end the authority',
    org,
    'q2q://example.com\\@example.org/',
    broken,
    loose,
  );
  held('two-at', 'Two at signs', org, 'q2q://x@example.com@example.org/', broken, loose);
  held('space', 'A space in the host', org, 'q2q://example.org /', broken, loose);
  held(
    'ip-short',
    'An IPv4 address in the short form of old',
    permitted('127.1'),
    'q2q://127.1/',
    broken,
    loose,
  );
  held('excluded-host', 'A URI at an excluded host', excluded('example.org'), 'q2q://example.org/', broken);
  held(
    'excluded-below',
    'An excluded host is one host',
    excluded('example.org'),
    'q2q://mail.example.org/',
    'ok',
  );
  held(
    'excluded-dot',
    'A URI below an excluded domain',
    excluded('.example.org'),
    'q2q://mail.example.org/',
    broken,
  );
  held(
    'excluded-no-host',
    'What has no host cannot be shown to be outside',
    excluded('example.org'),
    'urn:alice',
    broken,
  );
  held(
    'base-with-scheme',
    'A base is a host, not a URI',
    permitted('q2q://example.org'),
    'q2q://example.org/',
    'MALFORMED',
  );
  held('base-empty', 'An empty base', permitted(''), 'q2q://example.org/', 'MALFORMED');
  held(
    'trailing-dot',
    'A dot at the end makes another spelling, which is not read',
    org,
    'q2q://example.org./',
    broken,
  );
  devices(book);
}

/** The URI of a user's leaf repeats the mailbox and names the device. */
function devices(book: Book): void {
  const root = book.domainRoot('device', 'example.org');
  const ask = (id: string, description: string, uris: readonly string[], verdict: string): void => {
    const leaf = book.leaf(`device ${id}`, root, { names: { email: ['alice@example.org'], uri: uris } });
    book.add(
      `device::${id}`,
      'q2q profile: one q2q URI that repeats the mailbox',
      description,
      peer(leaf, root),
      verdict,
    );
  };
  ask('one', 'The URI of a device', ['q2q://example.org/alice/laptop'], 'ok');
  ask(
    'two',
    'Two URIs: one identity per certificate',
    ['q2q://example.org/alice/laptop', 'q2q://example.org/alice/phone'],
    'PROFILE',
  );
  ask('other-user', 'The device of another user', ['q2q://example.org/bob/laptop'], 'PROFILE');
  ask('other-domain', 'The device of a user elsewhere', ['q2q://example.com/alice/laptop'], 'PROFILE');
  ask('upper-case', 'The host in capitals: one spelling only', ['q2q://EXAMPLE.org/alice/laptop'], 'PROFILE');
  ask('userinfo', 'The user before the host', ['q2q://alice@example.org/laptop'], 'PROFILE');
  ask('port', 'A port', ['q2q://example.org:4433/alice/laptop'], 'PROFILE');
  ask('no-label', 'No label', ['q2q://example.org/alice/'], 'PROFILE');
  ask('deeper', 'A path that goes further', ['q2q://example.org/alice/laptop/1'], 'PROFILE');
  ask('dot-dot', 'A label that leads back up', ['q2q://example.org/alice/..'], 'PROFILE');
  ask('query', 'A query', ['q2q://example.org/alice/laptop?x=1'], 'PROFILE');
  ask('other-scheme', 'Another scheme', ['https://example.org/alice/laptop'], 'PROFILE');
}
