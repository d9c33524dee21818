// q2q's TLS engine as a contender of the research benchmark (`Q2Q_ENGINE` names this file).
import { nobleProvider, nodeProvider } from 'q2q/node';
import { makeDomain } from './domain.mjs';
import { engine } from './engine.mjs';

export async function load({ key = 'p256', crypto } = {}) {
  const provider = crypto === 'noble' ? nobleProvider() : nodeProvider();
  const ours = engine(provider, makeDomain(provider, key));
  return {
    async pair() {
      const { send } = ours.pair();
      return { send: async (block, bytes) => send(block, bytes), close() {} };
    },
  };
}
