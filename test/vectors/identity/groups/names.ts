/** Names of peers and hosts: what matches, what only looks alike. */
import { utf8 } from '../../../../src/base/bytes.ts';
import { der, oid, sequence, setOf, utf8String } from '../../../../src/identity/der.ts';
import { nameOf } from '../../../../src/identity/distinguishedName.ts';
import { NAME_TAG } from '../../../../src/identity/generalNames.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { constraints, extension, type Named, san } from '../../../identity/maker.ts';
import { type Book, client, type LeafRecipe, peer, type Question, server } from '../book.ts';

export function names(book: Book): void {
  users(book);
  hosts(book);
  subjects(book);
}

function users(book: Book): void {
  const root = book.domainRoot('user', 'example.org');
  const free = book.root('user free', { subject: 'example.org' });
  const ask = (
    id: string,
    description: string,
    leaf: Named | LeafRecipe,
    verdict: string,
    expected: Parameters<typeof peer>[2] = { name: 'alice@example.org' },
    above = root,
  ): void => {
    const recipe = 'san' in leaf ? (leaf as LeafRecipe) : { names: leaf as Named };
    book.add(
      `user::${id}`,
      'q2q profile: one mailbox and nothing else',
      description,
      peer(book.leaf(`user ${id}`, above, recipe), above, expected),
      verdict,
    );
  };
  ask('alice', 'A user by her name', { email: ['alice@example.org'] }, 'ok');
  ask('whoever', 'A user to whoever asks', { email: ['alice@example.org'] }, 'ok', { any: true });
  ask('asked-in-capitals', 'The name asked for is folded', { email: ['alice@example.org'] }, 'ok', {
    name: 'Alice@Example.ORG',
  });
  ask('other', 'Another user', { email: ['bob@example.org'] }, 'NAME');
  ask('two', 'Two mailboxes in one leaf', { email: ['alice@example.org', 'bob@example.org'] }, 'PROFILE');
  ask(
    'same-twice',
    'The same mailbox twice',
    { email: ['alice@example.org', 'alice@example.org'] },
    'PROFILE',
  );
  ask(
    'beside-host',
    'A host beside the mailbox',
    { email: ['alice@example.org'], dns: ['example.org'] },
    'PROFILE',
  );
  ask(
    'beside-address',
    'An IP address beside the mailbox',
    { email: ['alice@example.org'], ip: [Uint8Array.of(192, 0, 2, 1)] },
    'PROFILE',
    undefined,
    free,
  );
  ask(
    'beside-directory',
    'A directory name beside the mailbox',
    {
      san: extension(
        OID.subjectAltName,
        true,
        sequence(der(NAME_TAG.email, utf8('alice@example.org')), der(NAME_TAG.directory, nameOf('bob'))),
      ),
    },
    'PROFILE',
  );
  ask('host-alone', 'A host where a mailbox was asked for', { dns: ['example.org'] }, 'PROFILE');
  ask('none', 'No name at all', { san: null }, 'PROFILE');
  ask(
    'upper-case',
    'Capitals in the certificate: one spelling only',
    { email: ['Alice@example.org'] },
    'NAME',
  );
  ask('upper-case-host', 'Capitals in the host', { email: ['alice@EXAMPLE.org'] }, 'NAME');
  ask(
    'trailing-dot',
    'A dot at the end of the host',
    { email: ['alice@example.org.'] },
    'NAME',
    undefined,
    free,
  );
  ask('leading-space', 'A space in front', { email: [' alice@example.org'] }, 'NAME', undefined, free);
  ask('digit-one', 'A digit one where a letter belongs', { email: ['a1ice@example.org'] }, 'NAME');
  ask('cyrillic', 'A Cyrillic letter that looks like an a', { email: ['аlice@example.org'] }, 'MALFORMED');
  ask(
    'a-label',
    'A domain whose A-label is shown as a look-alike',
    { email: ['alice@xn--xample-9uf.org'] },
    'NAME',
    undefined,
    free,
  );
  ask('local-plus', 'A tag behind the local part', { email: ['alice+q2q@example.org'] }, 'NAME');
  ask('local-dot', 'A dot in the local part', { email: ['al.ice@example.org'] }, 'NAME');
  ask('sub-host', 'A host below the domain', { email: ['alice@mail.example.org'] }, 'NAME');
  ask(
    'common-name',
    'The mailbox only as common name',
    { san: null, subject: nameOf('alice@example.org') },
    'PROFILE',
  );
  ask(
    'subject-email',
    'The mailbox only as emailAddress of the subject',
    {
      san: null,
      subject: sequence(setOf(sequence(oid(OID.emailAddress), der(0x16, utf8('alice@example.org'))))),
    },
    'PROFILE',
  );
}

function hosts(book: Book): void {
  const root = book.root('host');
  const ask = (
    id: string,
    description: string,
    dns: readonly string[],
    wanted: string,
    verdict: string,
    more: Partial<Question> = {},
  ): void => {
    const leaf = book.leaf(`host ${id}`, root, { names: { dns } });
    book.add(`host::${id}`, 'RFC 9525 §6.3', description, server(leaf, root, { dns: wanted }, more), verdict);
  };
  ask('itself', 'A host by its name', ['example.org'], 'example.org', 'ok');
  ask('upper-case', 'Hosts are compared without case', ['EXAMPLE.org'], 'example.org', 'ok');
  ask('wildcard', 'A wildcard for one label', ['*.example.org'], 'relay.example.org', 'ok');
  ask(
    'wildcard-itself',
    'A wildcard does not cover the name itself',
    ['*.example.org'],
    'example.org',
    'NAME',
  );
  ask('wildcard-two', 'Nor two labels', ['*.example.org'], 'a.b.example.org', 'NAME');
  // Strict rules refuse the spelling before.
  const loose = { strict: false } as const;
  ask(
    'wildcard-part',
    'A wildcard is a whole label',
    ['rel*.example.org'],
    'relay.example.org',
    'NAME',
    loose,
  );
  ask('wildcard-inner', 'And the left-most', ['relay.*.org'], 'relay.example.org', 'NAME', loose);
  ask(
    'wildcard-top',
    'A wildcard over a top level is nobody’s to hold',
    ['*.org'],
    'example.org',
    'NAME',
    loose,
  );
  ask('a-label', 'A name of A-labels', ['xn--bcher-kva.example'], 'xn--bcher-kva.example', 'ok');
  ask(
    'wildcard-a-label',
    'A wildcard stands for an A-label, too',
    ['*.example.org'],
    'xn--bcher-kva.example.org',
    'ok',
  );
  ask(
    'nul',
    'A NUL that cuts the name short for readers of C',
    ['example.org\0.evil.example'],
    'example.org',
    'NAME',
    loose,
  );
  const ip = book.leaf('host ip', root, { names: { ip: [Uint8Array.of(192, 0, 2, 1)] } });
  book.add(
    'host::ip',
    'RFC 9525 §6.4',
    'An address, compared as octets',
    server(ip, root, { ip: '192.0.2.1' }),
    'ok',
  );
  book.add(
    'host::ip-other',
    'RFC 9525 §6.4',
    'Another address',
    server(ip, root, { ip: '192.0.2.2' }),
    'NAME',
  );
  const domain = book.domainRoot('host domain', 'example.org');
  const relay = book.leaf('host relay', domain, { names: { dns: ['example.org'] } });
  const asServer = { role: 'server' } as const;
  book.add(
    'host::domain',
    'q2q profile: a server names hosts',
    "A domain's server",
    peer(relay, domain, { domain: 'example.org' }, asServer),
    'ok',
  );
  book.add(
    'host::relay-as-user',
    'q2q profile: one mailbox and nothing else',
    "A domain's server as one of its users",
    peer(relay, domain, { name: 'alice@example.org' }, asServer),
    'PROFILE',
  );
  const user = book.leaf('host user', domain);
  book.add(
    'host::user-as-domain',
    'q2q profile: a server names hosts',
    'A user as the server of the domain',
    peer(user, domain, { domain: 'example.org' }, asServer),
    'PROFILE',
  );
}

/** Subject and alternative names beside each other (§4.1.2.6, §4.2.1.6). */
function subjects(book: Book): void {
  const root = book.root('subject', {
    constraints: constraints({ dns: ['example.org'] }),
  });
  const ask = (id: string, rule: string, description: string, recipe: LeafRecipe, verdict: string): void =>
    book.add(
      `subject::${id}`,
      rule,
      description,
      server(book.leaf(`subject ${id}`, root, recipe), root, { dns: 'example.org' }),
      verdict,
    );
  const plain = san({ dns: ['example.org'] });
  ask(
    'beside',
    'RFC 5280 §4.2.1.6',
    'A subject beside alternative names',
    { subject: 'server', san: plain },
    'ok',
  );
  ask(
    'empty-not-critical',
    'RFC 5280 §4.2.1.6',
    'Alternative names that are not critical beside an empty subject',
    { san: plain },
    'PROFILE',
  );
  ask(
    'critical-beside',
    'CA/Browser Forum BR 7.1.2.7.12',
    'Alternative names that are critical beside a subject: strict rules want them not to be',
    { subject: 'server', names: { dns: ['example.org'] } },
    'PROFILE',
  );
  ask(
    'common-name-only',
    'RFC 9525 §2',
    'The host only as common name',
    { subject: 'example.org', san: null },
    'NAME',
  );
  ask(
    'common-name-other',
    'RFC 9525 §2',
    'A common name that contradicts the alternative names is not looked at',
    { subject: 'evil.example', san: plain },
    'ok',
  );
  ask(
    'common-name-spelling',
    'CA/Browser Forum BR 7.1.4.3',
    'A common name that spells an alternative name differently',
    { subject: 'Example.org', san: plain },
    'PROFILE',
  );
  ask(
    'names-empty',
    'RFC 5280 §4.2.1.6',
    'An extension of alternative names that has none',
    { subject: 'server', san: extension(OID.subjectAltName, false, sequence()) },
    'MALFORMED',
  );
  const other = book.root('subject free');
  const leaf = book.leaf('subject utf8', other, {
    subject: sequence(setOf(sequence(oid(OID.commonName), utf8String('Älice')))),
    san: plain,
  });
  book.add('subject::utf8', 'RFC 5280 §4.1.2.4', 'A subject outside ASCII', client(leaf, other), 'ok');
}
