/** X25519MLKEM768 in whole TLS handshakes, both ends ours. */
import { describe, expect, it } from 'vitest';
import { concat, hex } from '../../src/base/bytes.ts';
import { withMlKem } from '../../src/crypto/mlkem.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { Pki } from '../support/pki.ts';
import { fault, openPair, pair, pump } from '../support/tls.ts';
import { pairs, providers } from './providers.ts';

const HYBRID = 'X25519MLKEM768';

describe.each(pairs)('X25519MLKEM768 from $pair', ({ one, other }) => {
  it('is what two ends that have it agree on', () => {
    const pki = new Pki();
    const { client, server } = openPair({
      clientProvider: withMlKem(one),
      serverProvider: withMlKem(other),
      client: { credentials: [pki.user('alice')] },
      server: { credentials: [pki.server()] },
      pki,
    });
    for (const end of [client, server])
      expect(end.connection.negotiated).toMatchObject({ group: HYBRID, helloRetried: false });
    const key = (end: typeof client): string =>
      hex(end.connection.exportKey('EXPORTER-test', new Uint8Array(0), 32));
    expect(key(client)).toBe(key(server));
  });

  it('gives way to X25519, without a retry, where only one end has it', () => {
    for (const options of [{ clientProvider: withMlKem(one) }, { serverProvider: withMlKem(one) }]) {
      const { client } = openPair({ clientProvider: other, serverProvider: other, ...options });
      expect(client.connection.negotiated).toMatchObject({ group: 'x25519', helloRetried: false });
    }
  });
});

it('is offered alone where nothing else is allowed, and asked for by a retry where it was not the guess', () => {
  const provider = withMlKem(node);
  const both = { clientProvider: provider, serverProvider: provider };
  const alone = openPair({ ...both, client: { groups: [HYBRID] } });
  expect(alone.client.connection.negotiated).toMatchObject({ group: HYBRID, helloRetried: false });
  const asked = openPair({
    ...both,
    client: { groups: ['secp256r1', HYBRID, 'x25519'] },
    server: { groups: [HYBRID] },
  });
  expect(asked.client.connection.negotiated).toMatchObject({ group: HYBRID, helloRetried: true });
});

describe.each(providers)('X25519MLKEM768 of $name', (plain) => {
  const provider = withMlKem(plain);
  const only = { groups: [HYBRID] } as const;

  it('ends with illegal_parameter when the client’s ML-KEM key is not one', () => {
    const ends = pair({ clientProvider: provider, serverProvider: provider, client: only });
    ends.client.settleAll();
    const hello = concat(ends.client.connection.takeOutput());
    const at = hex(hello).indexOf('04c0', hex(hello).indexOf('11ec04c0')) / 2 + 2;
    hello.fill(0xff, at, at + 3); // coefficients of 4095
    ends.server.connection.feed(hello);
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
  });

  it('ends with illegal_parameter when the server’s X25519 share is of low order', () => {
    const ends = pair({
      clientProvider: provider,
      serverProvider: {
        ...provider,
        encapsulate: (group, share) => {
          const answer = provider.encapsulate(group, share)!;
          answer.share.fill(0, 1088);
          return answer;
        },
      },
      client: only,
    });
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
  });
});
