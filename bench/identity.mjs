// Who is at the other end: whole chains verified, against the signature checks that no validator can avoid, in one run.
// Chains are distinct and more than are remembered, so that each is read and checked anew; what memory saves stands apart.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { DomainAuthority, parseCertificate, Trust, UserAuthority, verifyPeer } from 'q2q/identity';
import { nobleProvider, nodeProvider } from 'q2q/node';
import { compare, perSecond } from './lib.mjs';

/** Twice as many as the largest memory holds (`MEMO_SIGNATURES`). */
const CHAINS = 128;
const DOMAIN = 'example.org';
const SCHEMES = { p256: 'ecdsa_secp256r1_sha256', ed25519: 'ed25519' };

export async function benchIdentity(effort) {
  // Many short turns: what the neighbours do then falls on all contenders alike.
  const rounds = 3 * effort.rounds;
  const seconds = effort.seconds / 5;
  const rows = [];
  for (const kind of ['ed25519', 'p256']) {
    const world = makeWorld(kind);
    for (const provider of [nodeProvider(), nobleProvider()])
      for (const links of [1, 2]) rows.push(await chains(world, provider, links, { rounds, seconds }));
    rows.push(await remembered(world, { rounds, seconds }));
  }
  return rows;
}

/** A domain, and users of it: each with a leaf that the root signed, and with one that her own CA signed. */
function makeWorld(kind) {
  const provider = nodeProvider();
  const now = Date.now();
  const authority = DomainAuthority.create(provider, DOMAIN, now, kind);
  const users = Array.from({ length: CHAINS }, (_, i) => `user${i}`);
  const byRoot = users.map((user) => {
    const { spki } = provider.generateKey(kind);
    return authority.issueUser({ spki, user, now });
  });
  const byUser = users.map((user) => {
    const key = provider.generateKey(kind);
    const own = UserAuthority.load(provider, {
      chain: authority.issueUserCa({ spki: key.spki, user, now }),
      key,
    });
    return own.issueDevice({ spki: provider.generateKey(kind).spki, device: 'phone', now });
  });
  const trust = Trust.of([{ domain: DOMAIN, roots: [authority.root] }]);
  return { kind, now, trust, root: authority.root, chains: { 1: byRoot, 2: byUser } };
}

function chains({ kind, now, trust, root, chains: all }, provider, links, { rounds, seconds }) {
  const list = all[links];
  const signed = list.map((chain) => signaturesOf(chain, root));
  const judge = nodeJudge(list, root);
  let turn = 0;
  const next = (work) => () => perSecond(seconds, () => work(turn++ % CHAINS));
  return compare(
    `chains of ${kind}, ${links === 1 ? 'leaf and root' : 'leaf, user CA and root'}, ${provider.name} provider`,
    'chains per second',
    {
      'q2q verifyPeer': next((i) => {
        const answer = verifyPeer(list[i], { kind: 'anyPeer' }, trust, 'client', now, provider);
        if (answer.identity === undefined) throw answer;
      }),
      'its signature checks alone': next((i) => {
        for (const { spki, tbs, signature } of signed[i])
          if (!provider.verify(SCHEMES[kind], spki, tbs, signature))
            throw new Error('a signature that does not verify');
      }),
      'node:crypto, parsing and signatures': next(judge),
    },
    { rounds, cpu: true },
  );
}

/** The same few chains again and again, as a peer shows them on each of its channels. */
function remembered({ kind, now, trust, chains: { 1: list } }, { rounds, seconds }) {
  const provider = nodeProvider();
  const rate = (count) => {
    let turn = 0;
    return () =>
      perSecond(seconds, () =>
        verifyPeer(list[turn++ % count], { kind: 'anyPeer' }, trust, 'client', now, provider),
      );
  };
  return compare(
    `chains of ${kind}, leaf and root, node provider: seen before and not`,
    'chains per second',
    { 'q2q, 8 chains in turn': rate(8), [`q2q, ${CHAINS} chains in turn`]: rate(CHAINS) },
    { rounds, cpu: true },
  );
}

function signaturesOf(chain, root) {
  const path = [...chain.map((der) => parseCertificate(der)), root];
  return path.slice(0, -1).map(({ tbs, signature }, i) => ({ tbs, signature, spki: path[i + 1].spki }));
}

/** No names, times, extensions or constraints: what is left when the rules of RFC 5280 §6 are left out. */
function nodeJudge(list, root) {
  const rootKey = createPublicKey({ key: Buffer.from(root.spki), format: 'der', type: 'spki' });
  return (i) => {
    const path = list[i].map((der) => new X509Certificate(der));
    for (const [at, certificate] of path.entries())
      if (!certificate.verify(path[at + 1]?.publicKey ?? rootKey)) throw new Error('not issued');
  };
}
