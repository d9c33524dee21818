/** A key identity whose key stays in an ssh agent. */
import type { PrivateKey, Signer } from '../crypto/provider.ts';
import type { SchemeName } from '../crypto/suites.ts';
import { agentKeys, agentSigner } from '../identity/agent.node.ts';
import { groupPeerId, type Identity, identityFromChain, selfSignedIdentity } from '../identity/index.ts';
import type { Context } from './context.ts';
import { CliError, usage } from './errors.ts';

/** The agent's key of that comment or key id, or its only one. */
export async function agentIdentity(wanted: string | true, { env }: Context): Promise<Identity> {
  const socket = env['SSH_AUTH_SOCK'] ?? '';
  if (socket === '')
    throw new CliError('ERR_CLI_CONFIG', 'no ssh agent is named by $SSH_AUTH_SOCK', {
      hint: 'start one: eval "$(ssh-agent)", then ssh-add',
    });
  const keys = await agentKeys(socket);
  const text = wanted === true ? undefined : wanted.replace(/^key:/i, '').replaceAll('-', '');
  const found = keys.filter(
    ({ keyId, comment }) => text === undefined || keyId === text || comment === wanted,
  );
  if (found.length === 1) return selfSignedBy(await agentSigner(socket, found[0]!.keyId), Date.now());
  const listed = keys.map(({ comment, keyId }) => `${comment} (${groupPeerId(keyId)})`).join(', ');
  throw usage(
    `the agent has ${found.length} keys that could be meant`,
    keys.length === 0 ? 'add one: ssh-add' : `say which one, by comment or key id: ${listed}`,
  );
}

/** An agent answers later, and certificates are made at once: made twice, the first time to learn what is to be signed. */
async function selfSignedBy(signer: Signer, now: number): Promise<Identity> {
  const asked: { scheme: SchemeName; message: Uint8Array }[] = [];
  const made = (sign: PrivateKey['sign']): Identity =>
    selfSignedIdentity({ ...signer, sign, dangerousExport: neverOurs }, now);
  made((scheme, message) => {
    asked.push({ scheme, message });
    return new Uint8Array(1);
  });
  const [{ scheme, message }] = asked as [{ scheme: SchemeName; message: Uint8Array }];
  const signature = await signer.sign(scheme, message);
  return identityFromChain(made(() => signature).chain, signer);
}

function neverOurs(): never {
  throw new CliError('ERR_CLI_NO_KEY', 'the key is in the agent, and stays there');
}
