// q2q's TLS engine as a contender of the research benchmark (`Q2Q_ENGINE` names this file).
import { nobleProvider, nodeProvider } from 'q2q/node';
import { TicketCache, TicketKeys } from 'q2q/tls/resumption';
import { makeDomain } from './domain.mjs';
import { engine } from './engine.mjs';

export async function load({ key = 'p256', crypto } = {}) {
  const provider = crypto === 'noble' ? nobleProvider() : nodeProvider();
  const domain = makeDomain(provider, key);
  const ours = engine(provider, domain);
  const resuming = engine(provider, domain, {
    client: { tickets: new TicketCache() },
    server: { resumption: new TicketKeys(provider) },
  });
  resuming.pair();
  return {
    pair: async () => contender(ours.pair()),
    async resume() {
      const pair = resuming.pair();
      if (!pair.a.negotiated.resumed) throw new Error('a full handshake must not pass for a resumed one');
      return contender(pair);
    },
  };
}

function contender({ send }) {
  return { send: async (block, bytes) => send(block, bytes), close() {} };
}
