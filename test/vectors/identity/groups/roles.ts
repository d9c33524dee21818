/** What a certificate may be used for: extended key usage and key usage, at every place of a chain. */
import { boolean, oid, sequence } from '../../../../src/identity/der.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { ca, eku, extension, usage } from '../../../identity/maker.ts';
import { type Book, type CaRecipe, client, type Issued, type LeafRecipe, peer, server } from '../book.ts';

const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';

export function roles(book: Book): void {
  leaves(book);
  authorities(book);
  keyUsages(book);
}

function leaves(book: Book): void {
  const root = book.root('role');
  const ask = (
    id: string,
    description: string,
    role: 'client' | 'server',
    recipe: LeafRecipe,
    verdict: string,
    rule = 'RFC 5280 §4.2.1.12',
  ): void => {
    const leaf = book.leaf(`role ${id}`, root, { names: { dns: ['example.org'] }, ...recipe });
    const question = role === 'client' ? client(leaf, root) : server(leaf, root, { dns: 'example.org' });
    book.add(`role::${id}`, rule, description, question, verdict);
  };
  const wrong = 'EXTENDED_KEY_USAGE';
  ask('client-as-client', 'clientAuth, used as a client', 'client', { eku: eku(OID.clientAuth) }, 'ok');
  ask('client-as-server', 'clientAuth, used as a server', 'server', { eku: eku(OID.clientAuth) }, wrong);
  ask('server-as-client', 'serverAuth, used as a client', 'client', { eku: eku(OID.serverAuth) }, wrong);
  ask('server-as-server', 'serverAuth, used as a server', 'server', { eku: eku(OID.serverAuth) }, 'ok');
  ask('both-as-client', 'Both usages, used as a client', 'client', {}, 'ok');
  ask('both-as-server', 'Both usages, used as a server', 'server', {}, 'ok');
  ask(
    'any',
    'anyExtendedKeyUsage: strict rules want the very usage',
    'client',
    { eku: eku(OID.anyExtendedKeyUsage) },
    wrong,
    'RFC 5280 §4.2.1.12, CA/Browser Forum BR 7.1.2.7.10',
  );
  ask(
    'mail',
    'emailProtection: a certificate for S/MIME is no client',
    'client',
    { eku: eku(EMAIL_PROTECTION) },
    wrong,
  );
  ask('unknown', 'A usage that nobody knows', 'client', { eku: eku('2.25.1') }, wrong);
  ask(
    'unknown-beside',
    'A usage that nobody knows, beside clientAuth',
    'client',
    { eku: eku('2.25.1', OID.clientAuth) },
    'ok',
  );
  ask(
    'none',
    'No extended key usage: strict rules want one',
    'client',
    { eku: null },
    wrong,
    'CA/Browser Forum BR 7.1.2.7.10',
  );
  ask(
    'empty',
    'An extended key usage that lists nothing',
    'client',
    { eku: extension(OID.extendedKeyUsage, false, sequence()) },
    'MALFORMED',
  );
  ask(
    'critical',
    'The extended key usage is critical: strict rules want it not to be',
    'client',
    { eku: extension(OID.extendedKeyUsage, true, sequence(oid(OID.clientAuth))) },
    'PROFILE',
    'CA/Browser Forum BR 7.1.2.7.6',
  );
  const any = book.leaf('role any free', root, { eku: eku(OID.anyExtendedKeyUsage) });
  book.add(
    'role::any-free',
    'RFC 5280 §4.2.1.12',
    'anyExtendedKeyUsage under the rules of RFC 5280 alone',
    client(any, root, { strict: false }),
    'ok',
  );
  const free = book.leaf('role none free', root, { eku: null });
  book.add(
    'role::none-free',
    'RFC 5280 §4.2.1.12',
    'No extended key usage under the rules of RFC 5280 alone',
    client(free, root, { strict: false }),
    'ok',
  );
}

function authorities(book: Book): void {
  const root = book.root('role above');
  const ask = (
    id: string,
    description: string,
    recipe: CaRecipe,
    verdict: string,
    role: 'client' | 'server' = 'client',
  ): void => {
    const mid = book.sub(`role above ${id}`, root, recipe);
    const leaf = book.leaf(`role above ${id} leaf`, mid, { names: { dns: ['example.org'] } });
    const more = { mids: [mid] };
    const question =
      role === 'client' ? client(leaf, root, more) : server(leaf, root, { dns: 'example.org' }, more);
    book.add(
      `role::${id}`,
      'RFC 5280 §4.2.1.12, as every validator nests it',
      description,
      question,
      verdict,
    );
  };
  ask('ca-client', 'A CA for clients above a client', { eku: eku(OID.clientAuth) }, 'ok');
  ask('ca-server', 'A CA for servers above a client', { eku: eku(OID.serverAuth) }, 'EXTENDED_KEY_USAGE');
  ask(
    'ca-client-above-server',
    'A CA for clients above a server',
    { eku: eku(OID.clientAuth) },
    'EXTENDED_KEY_USAGE',
    'server',
  );
  ask('ca-any', 'A CA for anything above a client', { eku: eku(OID.anyExtendedKeyUsage) }, 'ok');
  ask('ca-mail', 'A CA for S/MIME above a client', { eku: eku(EMAIL_PROTECTION) }, 'EXTENDED_KEY_USAGE');
}

function keyUsages(book: Book): void {
  const root = book.root('usage');
  const leafWith = (id: string, description: string, recipe: LeafRecipe, verdict: string): void => {
    const leaf = book.leaf(`usage ${id}`, root, recipe);
    book.add(`usage::${id}`, 'RFC 5280 §4.2.1.3', description, client(leaf, root), verdict);
  };
  leafWith('leaf-signature', 'A leaf for digital signatures', {}, 'ok');
  leafWith('leaf-none', 'A leaf without key usage may do anything', { usage: null }, 'ok');
  leafWith(
    'leaf-encipherment',
    'A leaf for enciphering keys only cannot sign a handshake',
    { usage: usage('keyEncipherment') },
    'KEY_USAGE',
  );
  leafWith(
    'leaf-cert-sign',
    'A leaf that claims to sign certificates',
    { usage: usage('digitalSignature', 'keyCertSign') },
    'KEY_USAGE',
  );

  const caWith = (
    id: string,
    description: string,
    recipe: CaRecipe,
    verdict: string,
    rule = 'RFC 5280 §6.1.4 (n)',
  ): void => {
    const mid = book.sub(`usage ${id}`, root, recipe);
    const leaf = book.leaf(`usage ${id} leaf`, mid);
    book.add(`usage::${id}`, rule, description, client(leaf, root, { mids: [mid] }), verdict);
  };
  caWith(
    'ca-no-cert-sign',
    'A CA that may not sign certificates',
    { usage: usage('digitalSignature', 'cRLSign') },
    'KEY_USAGE',
  );
  caWith(
    'ca-none',
    'A CA without key usage: strict rules want one',
    { usage: null },
    'KEY_USAGE',
    'RFC 5280 §4.2.1.3',
  );
  caWith(
    'ca-no-basic',
    'An issuer without basic constraints',
    { basic: null },
    'NOT_A_CA',
    'RFC 5280 §6.1.4 (k)',
  );
  caWith(
    'ca-false',
    'An issuer whose basic constraints say that it is none',
    { basic: extension(OID.basicConstraints, true, sequence()) },
    'NOT_A_CA',
    'RFC 5280 §6.1.4 (k)',
  );
  caWith(
    'ca-not-critical',
    'Basic constraints that are not critical: strict rules want them to be',
    { basic: ca(undefined, false) },
    'PROFILE',
    'RFC 5280 §4.2.1.9',
  );
  caWith(
    'ca-writes-default',
    'Basic constraints that write out FALSE, which DER leaves out',
    { basic: extension(OID.basicConstraints, true, sequence(boolean(false))) },
    'MALFORMED',
    'X.690 §11.5',
  );
  leafAsIssuer(book, root);
}

/** The oldest trick: a leaf that signs. */
function leafAsIssuer(book: Book, root: Issued): void {
  const mallory = book.leaf('issuer leaf', root, {
    subject: 'mallory',
    names: { email: ['mallory@example.org'] },
  });
  const forged = book.leaf('issuer leaf forged', mallory);
  book.add(
    'usage::leaf-signs',
    'RFC 5280 §6.1.4 (k)',
    'A leaf signs another',
    client(forged, root, { mids: [mallory] }),
    'NOT_A_CA',
  );
  const self = book.root('ca as leaf', { issuer: root, san: null });
  book.add(
    'usage::ca-as-leaf',
    'q2q profile: a CA is never a peer',
    'A CA shown as a leaf',
    client(self, root),
    'CA_AS_LEAF',
  );
  const domain = book.domainRoot('ca as peer', 'example.org');
  book.add(
    'usage::root-as-peer',
    'q2q profile: a CA is never a peer',
    "The domain's root itself, shown as a peer's leaf",
    peer(domain, domain, { any: true }),
    'KEY_USAGE',
  );
}
