/** Extensions that must be understood, and constraints, at every place of a chain. */
import { type Bytes, utf8 } from '../../../../src/base/bytes.ts';
import { context, der, octetString, sequence, TAG } from '../../../../src/identity/der.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { constraints, extension, san } from '../../../identity/maker.ts';
import { type Book, type CaRecipe, client, type LeafRecipe } from '../book.ts';

export function critical(book: Book): void {
  const ask = (
    id: string,
    rule: string,
    description: string,
    recipes: { readonly root?: CaRecipe; readonly ca?: CaRecipe; readonly leaf?: LeafRecipe },
    verdict: string,
    more = {},
  ): void => {
    const root = book.root(`critical ${id}`, recipes.root);
    const mid = book.sub(`critical ${id} ca`, root, recipes.ca);
    const leaf = book.leaf(`critical ${id} leaf`, mid, recipes.leaf);
    book.add(`critical::${id}`, rule, description, client(leaf, root, { mids: [mid], ...more }), verdict);
  };
  const RULE = 'RFC 5280 §4.2';
  const unknown = (isCritical: boolean): CaRecipe => ({
    more: [extension('2.25.1', isCritical, der(TAG.null))],
  });
  ask(
    'leaf',
    RULE,
    'The leaf has a critical extension that nobody knows',
    { leaf: unknown(true) },
    'CRITICAL_EXTENSION',
  );
  ask('ca', RULE, 'The CA has one', { ca: unknown(true) }, 'CRITICAL_EXTENSION');
  ask(
    'root',
    `${RULE}; §6.1.1 (d) leaves anchors open`,
    'The root has one',
    { root: unknown(true) },
    'CRITICAL_EXTENSION',
  );
  ask(
    'leaf-plain',
    RULE,
    'An unknown extension of the leaf that is not critical',
    { leaf: unknown(false) },
    'ok',
  );
  ask('ca-plain', RULE, 'Of the CA', { ca: unknown(false) }, 'ok');
  ask('root-plain', RULE, 'Of the root', { root: unknown(false) }, 'ok');
  ask(
    'policy-constraints',
    'RFC 5280 §4.2.1.11',
    'Demands on policies, which are not processed',
    { ca: { more: [extension('2.5.29.36', true, sequence(der(context(0), new Uint8Array(1))))] } },
    'CRITICAL_EXTENSION',
  );
  ask(
    'access-critical',
    'RFC 5280 §4.2.2.1',
    'authorityInfoAccess that is critical',
    { leaf: { more: [extension(OID.authorityInfoAccess, true, ACCESS)] } },
    'CRITICAL_EXTENSION',
  );
  const marked = (id: string, value: Bytes): LeafRecipe => ({ more: [extension(id, true, value)] });
  ask(
    'authority-id',
    'RFC 5280 §4.2.1.1',
    'An authority key identifier that is critical',
    {
      leaf: {
        aki: null,
        ...marked(OID.authorityKeyIdentifier, sequence(der(context(0), utf8('critical authority-id ca')))),
      },
    },
    'PROFILE',
  );
  ask(
    'subject-id',
    'RFC 5280 §4.2.1.2',
    'A subject key identifier that is critical',
    { leaf: { ski: null, ...marked(OID.subjectKeyIdentifier, octetString(utf8('x'))) } },
    'PROFILE',
  );

  const NC = 'RFC 5280 §4.2.1.10';
  const org = constraints({ email: ['example.org'] });
  const com = constraints({ email: ['example.com'] });
  ask(
    'constraint-root',
    NC,
    'The root constrains the leaf',
    { root: { constraints: com } },
    'NAME_CONSTRAINTS',
  );
  ask('constraint-ca', NC, 'The CA constrains the leaf', { ca: { constraints: com } }, 'NAME_CONSTRAINTS');
  ask(
    'constraint-both',
    NC,
    'Both permit it',
    { root: { constraints: org }, ca: { constraints: org } },
    'ok',
  );
  ask(
    'constraint-ca-named',
    NC,
    'The root constrains the names of the CA, too',
    {
      root: { constraints: com },
      ca: { san: san({ email: ['ca@example.org'] }) },
      leaf: { names: { dns: ['example.org'] } },
    },
    'NAME_CONSTRAINTS',
  );
  ask('constraint-leaf', NC, 'A leaf carries constraints', { leaf: { constraints: org } }, 'PROFILE');
  const loose = constraints({ email: ['example.org'] }, undefined, false);
  ask(
    'constraint-not-critical',
    NC,
    'Constraints that are not critical: strict rules want them to be',
    { ca: { constraints: loose } },
    'PROFILE',
  );
  ask(
    'constraint-not-critical-free',
    NC,
    'Under the rules of RFC 5280 §6 alone they are kept to',
    { ca: { constraints: constraints({ email: ['example.com'] }, undefined, false) } },
    'NAME_CONSTRAINTS',
    { strict: false },
  );
  ask(
    'constraint-empty',
    NC,
    'Constraints that constrain nothing',
    { ca: { constraints: extension(OID.nameConstraints, true, sequence()) } },
    'MALFORMED',
  );
  ask(
    'constraint-all-addresses',
    NC,
    'All addresses are excluded; the leaf has one',
    {
      ca: { constraints: constraints(undefined, { ip: [new Uint8Array(8)] }) },
      leaf: { names: { ip: [Uint8Array.of(192, 0, 2, 1)] } },
    },
    'NAME_CONSTRAINTS',
  );
  ask(
    'constraint-all-hosts',
    NC,
    'All hosts are excluded; the leaf has one',
    { ca: { constraints: constraints(undefined, { dns: [''] }) }, leaf: { names: { dns: ['example.org'] } } },
    'NAME_CONSTRAINTS',
  );
  ask(
    'constraint-wildcard',
    NC,
    'A wildcard that reaches into what is excluded',
    {
      ca: { constraints: constraints(undefined, { dns: ['secret.example.org'] }) },
      leaf: { names: { dns: ['*.example.org'] } },
    },
    'NAME_CONSTRAINTS',
  );
}

/** One http address of the issuer's certificate. */
const ACCESS = sequence(
  sequence(
    der(TAG.oid, Uint8Array.of(0x2b, 6, 1, 5, 5, 7, 0x30, 2)),
    der(0x86, new TextEncoder().encode('http://example.org/')),
  ),
);
