/** A tab whose title is its key id. It opens a session to whoever serves it, is dialled there, then dials `/#<key id>`. */
import { provider } from '../../../src/crypto/noble.ts';
import { selfSignedIdentity } from '../../../src/identity/index.ts';
import { Session } from '../../../src/peer/session.ts';
import { connectWebSocket } from '../../../src/transport/index.ts';
import { answer, dial } from './exchange.ts';

const identity = selfSignedIdentity(provider.generateKey('p256'), Date.now());
const end = { identity, provider };
document.title = identity.keyId;
const link = await connectWebSocket(`ws://${location.host}/`);
const session = new Session(link, { random: provider.random });
const accounts = [await answer(session, end), await dial(session, end, location.hash.slice(1))];
await session.close();

document.body.textContent = JSON.stringify(accounts);
document.body.dataset['state'] = 'done';
