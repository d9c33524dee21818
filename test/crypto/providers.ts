/** Every test of the room runs over both providers; cross checks run over each ordered pair. */

import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';

export const providers: readonly CryptoProvider[] = [noble, node];

export const pairs: readonly { one: CryptoProvider; other: CryptoProvider; pair: string }[] =
  providers.flatMap((one) =>
    providers.map((other) => ({ one, other, pair: `${one.name} to ${other.name}` })),
  );
