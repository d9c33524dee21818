/**
 * What the person responsible for a domain asks of the process that serves it. The same requests are carried out at once
 * where nobody serves the domain, so there is one way to do each thing.
 */
import type { DomainService } from './domain.ts';
import { RelayError } from './errors.ts';

export type AdminRequest = { readonly do: 'password'; readonly user: string; readonly password: string };

/** The whole answer is JSON. What comes over a socket is checked here. */
export async function performAdmin(service: DomainService, request: object): Promise<object> {
  const fields = request as Readonly<Record<string, unknown>>;
  switch (fields['do']) {
    case 'password':
      await service.setPassword(text(fields, 'user'), text(fields, 'password'));
      return {};
    default:
      throw new RelayError('ERR_RELAY_ADMIN', `the request "${String(fields['do'])}" is not known`, {
        hint: 'the relay is of another version than this q2q: restart it',
      });
  }
}

function text(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new RelayError('ERR_RELAY_ADMIN', `the request has no ${name}`);
}
