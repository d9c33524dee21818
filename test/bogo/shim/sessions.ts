/** What the connections of one run share: tickets, by the engine's own stores, and a clock that moves when told. */
import { provider } from '../../../src/crypto/node.node.ts';
import type { Negotiated, TicketIssuer, TicketStore } from '../../../src/tls/index.ts';
import { SessionCache, TicketCache, TicketKeys } from '../../../src/tls/resumption.ts';
import { VirtualClock } from '../../support/clock.ts';
import type { Options, Plan } from './options.ts';

/** The connection before, as far as a later one can tell the runner why its early data was not taken. */
export interface Before {
  readonly options: Options;
  readonly negotiated: Negotiated;
}

/** Early data of more than this is refused: BoringSSL's number, which the runner overruns by one. */
export const MAX_EARLY_DATA = 14_336;

export class Sessions {
  readonly clock: VirtualClock = new VirtualClock();
  readonly tickets: TicketStore;
  readonly issuer: TicketIssuer;
  before: Before | undefined;

  constructor({ initial, resume }: Plan) {
    const { clock } = this;
    const cache = new TicketCache({ clock });
    // BoringSSL's shim offers its session whatever the second connection is configured for, and so must we.
    this.tickets = {
      put: (_key, ticket) => cache.put('', ticket),
      take: () => cache.take(''),
    };
    const onceOnly = initial.enableEarlyData || resume.enableEarlyData;
    this.issuer = onceOnly ? new SessionCache(provider, { clock }) : new TicketKeys(provider, { clock });
  }
}
