/**
 * What the person responsible for a domain asks of the process that serves it. The same requests are carried out at once
 * where nobody serves the domain, so there is one way to do each thing.
 */
import { base64 } from '../base/base64.ts';
import type { DomainService } from './domain.ts';
import { RelayError } from './errors.ts';
import type { RevokeTarget } from './withdrawals.ts';

export type AdminRequest =
  | { readonly do: 'password'; readonly user: string; readonly password: string }
  | ({ readonly do: 'revoke' } & RevokeTarget)
  | { readonly do: 'unblock'; readonly user: string }
  /** A second root that signs from now on. */
  | { readonly do: 'roll' }
  /** The older root is let go. */
  | { readonly do: 'retire' }
  /** The newest signed bundle, `{bundle}` in base64. */
  | { readonly do: 'bundle' };

/** The whole answer is JSON. What comes over a socket is checked here. */
export async function performAdmin(service: DomainService, request: object): Promise<object> {
  const fields = request as Fields;
  switch (fields['do']) {
    case 'password':
      await service.setPassword(text(fields, 'user'), text(fields, 'password'));
      return {};
    case 'revoke':
      await service.revoke(target(fields));
      return {};
    case 'unblock':
      await service.unblock(text(fields, 'user'));
      return {};
    case 'roll':
      await service.roll();
      return {};
    case 'retire':
      await service.retireRoot();
      return {};
    case 'bundle':
      return { bundle: base64(await service.bundle()) };
    default:
      throw new RelayError('ERR_RELAY_ADMIN', `the request "${String(fields['do'])}" is not known`, {
        hint: 'the relay is of another version than this q2q: restart it',
      });
  }
}

type Fields = Readonly<Record<string, unknown>>;

function target(fields: Fields): RevokeTarget {
  if (fields['user'] !== undefined) return { user: text(fields, 'user') };
  if (fields['keyId'] !== undefined) return { keyId: text(fields, 'keyId') };
  return { issuer: text(fields, 'issuer'), serial: text(fields, 'serial') };
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new RelayError('ERR_RELAY_ADMIN', `the request has no ${name}`);
}
