/** What the domain says to a question on a control channel, as the message that answers it. */
import type { PeerIdentity } from '../identity/index.ts';
import type { FailureCode, ToPeer } from '../peer/messages.ts';
import type { DomainQuestion } from './core.ts';
import type { DomainService } from './domain.ts';

/** All but `renew`, which changes what the channel stands on. */
export type AccountQuestion = Exclude<DomainQuestion, { readonly type: 'renew' }>;

export async function domainAnswer(
  domain: DomainService,
  identity: PeerIdentity,
  question: AccountQuestion,
): Promise<ToPeer> {
  const { id } = question;
  const settled = (code: FailureCode | undefined): ToPeer =>
    code === undefined ? { type: 'done', id } : { type: 'failed', id, code };
  switch (question.type) {
    case 'devices':
      return { type: 'device_list', id, devices: await domain.devices(identity) };
    case 'revoke':
      return settled(await domain.revokeOwn(identity, question.keyId));
    case 'adopt':
      return settled(await domain.adopt(identity, question.chain));
    case 'user_ca': {
      const issued = await domain.userCa(identity, question.csr);
      return typeof issued === 'string' ? settled(issued) : { type: 'certificate', id, chain: issued.chain };
    }
  }
}
