/** One cause, one code, one sentence that is true: what a TLS alert of the other end is told as. */
import { describe, expect, test } from 'vitest';
import { channelFailure, controlFailure } from '../../src/peer/failures.ts';
import { type AlertName, TlsError } from '../../src/tls/index.ts';

const alerted = (alert: AlertName): TlsError =>
  new TlsError('ERR_TLS_ALERT', `peer sent alert ${alert}`, { alert, alertFrom: 'peer' });
const control = (alert: AlertName) => controlFailure(alerted(alert), 'example.org', 'wss://r/');
const channel = (alert: AlertName) => channelFailure(alerted(alert), 'bob@example.org');

describe('an alert', () => {
  test.each<AlertName>([
    'bad_certificate',
    'unsupported_certificate',
    'certificate_expired',
    'certificate_unknown',
    'certificate_required',
    'unknown_ca',
    'access_denied',
  ])('%s is a refusal of our certificate', (alert) => {
    const message = expect.stringContaining(`refused our certificate: peer sent alert ${alert}`);
    expect(control(alert)).toMatchObject({ code: 'ERR_PEER_NOT_ENROLLED', message });
    expect(channel(alert)).toMatchObject({ code: 'ERR_PEER_REFUSED', message });
  });

  test('certificate_revoked says that our certificate was withdrawn', () => {
    for (const failure of [control('certificate_revoked'), channel('certificate_revoked')])
      expect(failure).toMatchObject({ code: 'ERR_PEER_REVOKED', cause: { alert: 'certificate_revoked' } });
  });

  test.each<AlertName>([
    'handshake_failure',
    'protocol_version',
    'internal_error',
    'decrypt_error',
    'no_application_protocol',
    'unrecognized_name',
    'illegal_parameter',
  ])('%s is not, and is named', (alert) => {
    for (const failure of [control(alert), channel(alert)]) {
      expect(failure).toMatchObject({ code: 'ERR_PEER_PROTOCOL', cause: { alert } });
      expect(failure.message).toContain('no secure channel to');
      expect(failure.message).toContain(alert);
      expect(failure.message).not.toContain('certificate');
    }
  });

  test('of an unknown number is told by its number', () => {
    const unknown = new TlsError('ERR_TLS_ALERT', 'peer sent alert unknown (200)', { alert: null });
    const failure = controlFailure(unknown, 'example.org', 'wss://r/');
    expect(failure).toMatchObject({ code: 'ERR_PEER_PROTOCOL', message: expect.stringContaining('(200)') });
  });
});
