/** rfc822Name: as the name of a peer, and under the constraints of RFC 5280 §4.2.1.10. */
import { type Bytes, utf8 } from '../../../../src/base/bytes.ts';
import { context, der, oid, sequence, setOf, utf8String } from '../../../../src/identity/der.ts';
import { NAME_TAG } from '../../../../src/identity/generalNames.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { constraints, extension, type Named, san } from '../../../identity/maker.ts';
import { type Book, client, type LeafRecipe, type Question } from '../book.ts';

const RULE = 'RFC 5280 §4.2.1.10';

export function mail(book: Book): void {
  const held = (
    id: string,
    description: string,
    limits: { readonly permitted?: Named; readonly excluded?: Named },
    leaf: Named | LeafRecipe,
    verdict: string,
    rule = RULE,
    more: Partial<Question> = {},
  ): void => {
    const name = `mail ${id}`;
    const root = book.root(name, { constraints: constraints(limits.permitted, limits.excluded) });
    const recipe =
      'email' in leaf || 'dns' in leaf || 'uri' in leaf ? { names: leaf as Named } : (leaf as LeafRecipe);
    book.add(
      `mail::${id}`,
      rule,
      description,
      client(book.leaf(`${name} leaf`, root, recipe), root, more),
      verdict,
    );
  };
  const permitted = (...email: string[]): { permitted: Named } => ({ permitted: { email } });
  const excluded = (...email: string[]): { excluded: Named } => ({ excluded: { email } });
  const alice: Named = { email: ['alice@example.org'] };
  const broken = 'NAME_CONSTRAINTS';

  held(
    'mailbox-itself',
    'One mailbox is permitted, and it is the one',
    permitted('alice@example.org'),
    alice,
    'ok',
  );
  held('mailbox-other', 'Another mailbox of the same host', permitted('bob@example.org'), alice, broken);
  held(
    'mailbox-other-host',
    'The same local part at another host',
    permitted('alice@example.com'),
    alice,
    broken,
  );
  held(
    'mailbox-longer',
    'The permitted mailbox is the end of the one named',
    permitted('ice@example.org'),
    alice,
    broken,
  );
  held('mailbox-host-case', 'Hosts are compared without case', permitted('alice@EXAMPLE.org'), alice, 'ok');
  held(
    'mailbox-local-case',
    'Local parts are compared with case',
    permitted('Alice@example.org'),
    alice,
    broken,
    `${RULE}, §7.5`,
  );
  held(
    'mailbox-plus',
    'A tag makes another mailbox',
    permitted('alice@example.org'),
    { email: ['alice+q2q@example.org'] },
    broken,
  );
  held('host-itself', 'A host permits its mailboxes', permitted('example.org'), alice, 'ok');
  held('host-case', 'A host is compared without case', permitted('Example.ORG'), alice, 'ok');
  held(
    'host-below',
    'A host without a dot in front does not cover those below',
    permitted('example.org'),
    { email: ['alice@mail.example.org'] },
    broken,
  );
  held(
    'host-above',
    'A host below does not cover the one above',
    permitted('mail.example.org'),
    alice,
    broken,
  );
  held('host-suffix', 'The end of a host is another host', permitted('ple.org'), alice, broken);
  held(
    'host-prefix',
    'A longer host that ends alike is another host',
    permitted('example.org'),
    { email: ['alice@badexample.org'] },
    broken,
  );
  held(
    'dot-below',
    'A dot in front covers the hosts below',
    permitted('.example.org'),
    { email: ['alice@mail.example.org'] },
    'ok',
  );
  held(
    'dot-two-below',
    'And those further below',
    permitted('.example.org'),
    { email: ['alice@a.b.example.org'] },
    'ok',
  );
  held('dot-itself', 'But not the host itself', permitted('.example.org'), alice, broken);
  held(
    'second-of-two',
    'One of several bases is enough',
    permitted('example.com', 'example.org'),
    alice,
    'ok',
  );
  held(
    'two-names-one-out',
    'Every name must be permitted',
    permitted('alice@example.org'),
    { email: ['alice@example.org', 'bob@example.org'] },
    broken,
  );
  held('excluded-mailbox', 'An excluded mailbox', excluded('alice@example.org'), alice, broken);
  held(
    'excluded-other-mailbox',
    'Another mailbox than the excluded',
    excluded('bob@example.org'),
    alice,
    'ok',
  );
  held('excluded-host', 'A mailbox of an excluded host', excluded('example.org'), alice, broken);
  held(
    'excluded-host-below',
    'An excluded host is one host: those below are not meant',
    excluded('example.org'),
    { email: ['alice@mail.example.org'] },
    'ok',
  );
  held(
    'excluded-dot',
    'A mailbox below an excluded domain',
    excluded('.example.org'),
    { email: ['alice@mail.example.org'] },
    broken,
  );
  held(
    'excluded-beats-permitted',
    'What is excluded stays so, whatever is permitted',
    { permitted: { email: ['example.org'] }, excluded: { email: ['alice@example.org'] } },
    alice,
    broken,
  );
  held(
    'other-kinds-free',
    'A constraint on mail says nothing of hosts',
    permitted('example.com'),
    { dns: ['example.org'] },
    'ok',
  );
  held(
    'dns-constraint-free',
    'A constraint on hosts says nothing of mail',
    { permitted: { dns: ['example.com'] } },
    alice,
    'ok',
  );

  // Strict rules refuse the spelling before any constraint is asked.
  const unreadable = (id: string, description: string, email: string): void =>
    held(id, description, permitted('example.org'), { email: [email] }, broken, RULE, { strict: false });
  unreadable('malformed-no-host', 'A mailbox without a host', 'alice@');
  unreadable('malformed-no-local', 'A mailbox without a local part', '@example.org');
  unreadable('malformed-no-at', 'A host where a mailbox belongs', 'example.org');
  unreadable('malformed-two-at', 'Two at signs', 'alice@evil.example@example.org');
  unreadable('malformed-quoted', 'A quoted local part that hides a host', '"alice@evil.example"@example.org');
  unreadable('malformed-line-break', 'A line break in the local part', 'alice\n@example.org');
  unreadable(
    'malformed-nul',
    'A NUL that cuts the name short for readers of C',
    'alice@example.org\0.evil.example',
  );
  unreadable('malformed-wildcard', 'There are no wildcards in mailboxes', 'alice@*.example.org');
  unreadable('malformed-two-dots', 'Two dots in a row', 'al..ice@example.org');
  held(
    'malformed-strict',
    'Strict rules refuse such a spelling before constraints',
    permitted('example.org'),
    { email: ['alice@'] },
    'PROFILE',
    'RFC 5280 §4.2.1.6',
  );
  held(
    'malformed-not-ascii',
    'A letter outside ASCII: rfc822Name is an IA5String',
    permitted('example.org'),
    { email: ['älice@example.org'] },
    'MALFORMED',
    'RFC 5280 §4.2.1.6',
  );
  held('base-malformed', 'A base with an at sign and no host', permitted('alice@'), alice, 'MALFORMED');
  held('base-empty', 'An empty base is none of the three forms', permitted(''), alice, 'MALFORMED');
  held('base-not-ascii', 'A base outside ASCII', permitted('exämple.org'), alice, 'MALFORMED');

  const subject = (address: string): Bytes =>
    sequence(setOf(sequence(oid(OID.emailAddress), der(0x16, utf8(address)))));
  const hosts = san({ dns: ['example.org'] });
  held(
    'subject-attribute',
    'Without a mailbox among the alternative names the emailAddress of the subject is held to the constraint',
    permitted('example.com'),
    { subject: subject('alice@example.org'), san: hosts },
    broken,
  );
  held(
    'subject-attribute-beside',
    'And so it is beside another mailbox',
    permitted('example.com'),
    { subject: subject('alice@example.org'), san: san({ email: ['alice@example.com'] }) },
    broken,
  );
  held(
    'subject-attribute-permitted',
    'An emailAddress of the subject that is permitted',
    permitted('example.org'),
    { subject: subject('alice@example.org'), san: hosts },
    'ok',
  );
  twoLevels(book);
  otherNames(book);
}

/** Constraints add up on the way down. */
function twoLevels(book: Book): void {
  const root = book.root('mail levels', { constraints: constraints({ email: ['example.org'] }) });
  const narrow = book.sub('mail narrow', root, {
    constraints: constraints({ email: ['alice@example.org'] }),
  });
  const wide = book.sub('mail wide', root, {
    constraints: constraints({ email: ['example.com', 'example.org'] }),
  });
  const ask = (id: string, description: string, mid: typeof root, email: string, verdict: string): void => {
    const leaf = book.leaf(`mail level ${id}`, mid, { names: { email: [email] } });
    book.add(
      `mail::level-${id}`,
      'RFC 5280 §6.1.4 (g)',
      description,
      client(leaf, root, { mids: [mid] }),
      verdict,
    );
  };
  ask('narrowed', 'A CA below narrows the host to one mailbox', narrow, 'alice@example.org', 'ok');
  ask('narrowed-out', 'What the CA below does not permit', narrow, 'bob@example.org', 'NAME_CONSTRAINTS');
  ask(
    'widened',
    'A CA below cannot permit what the root does not',
    wide,
    'alice@example.com',
    'NAME_CONSTRAINTS',
  );
  ask('widened-in', 'What both permit', wide, 'alice@example.org', 'ok');
}

/** otherName, among them SmtpUTF8Mailbox (RFC 9598): a name that no constraint here can judge. */
function otherNames(book: Book): void {
  const smtpUtf8 = der(
    context(0, true),
    oid('1.3.6.1.5.5.7.8.9'),
    der(context(0, true), utf8String('älice@example.org')),
  );
  const names = extension(
    OID.subjectAltName,
    true,
    sequence(smtpUtf8, der(NAME_TAG.email, utf8('alice@example.org'))),
  );
  const free = book.root('mail other free');
  book.add(
    'mail::smtp-utf8-beside',
    'RFC 5280 §4.2.1.6',
    'A name of a kind that is not processed, where nothing constrains it',
    client(book.leaf('mail other free leaf', free, { san: names }), free),
    'ok',
  );
  const base = sequence(smtpUtf8);
  const bound = book.root('mail other bound', {
    constraints: extension(OID.nameConstraints, true, sequence(der(context(0, true), base))),
  });
  book.add(
    'mail::smtp-utf8-constrained',
    RULE,
    'The same under a constraint of its kind: refused, for it cannot be judged',
    client(book.leaf('mail other bound leaf', bound, { san: names }), bound),
    'NAME_CONSTRAINTS',
  );
  const mail = book.root('mail other mail', { constraints: constraints({ email: ['example.org'] }) });
  book.add(
    'mail::smtp-utf8-under-mail',
    'RFC 9598 §6',
    'A mailbox outside ASCII under a constraint on mail, which is for it, too',
    client(book.leaf('mail other mail leaf', mail, { san: names }), mail),
    'NAME_CONSTRAINTS',
  );
}
