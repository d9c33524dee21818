import { describe, expect, test } from 'vitest';
import { CliError } from '../../src/cli/errors.ts';
import { EXIT, exitCodeOf } from '../../src/cli/exitCodes.ts';
import { IdentityError, Refusal } from '../../src/identity/index.ts';
import { PeerError } from '../../src/peer/errors.ts';
import { SecureError } from '../../src/peer/secureErrors.ts';
import { RelayError } from '../../src/relay/errors.ts';
import { TlsError } from '../../src/tls/index.ts';
import { LinkError } from '../../src/transport/index.ts';

describe('the exit code', () => {
  test.each([
    [new CliError('ERR_CLI_USAGE', 'x'), EXIT.usage],
    [new CliError('ERR_CLI_FILE', 'x'), EXIT.config],
    [new IdentityError('ERR_IDENTITY_STORE_MODE', 'x'), EXIT.config],
    [new IdentityError('ERR_IDENTITY_STORE', 'x'), EXIT.config],
    [new IdentityError('ERR_IDENTITY_ADDRESS', 'x'), EXIT.usage],
    [new SecureError('ERR_SECURE_TIMEOUT', 'x'), EXIT.timeout],
    [new PeerError('ERR_PEER_RESET', 'x'), EXIT.unreachable],
    [new PeerError('ERR_PEER_INVITE_MALFORMED', 'x'), EXIT.config],
    [new RelayError('ERR_RELAY_LOCKED', 'x'), EXIT.config],
    [new LinkError('ERR_LINK_ADDRESS_IN_USE', 'x'), EXIT.config],
    [new LinkError('ERR_LINK_REFUSED', 'x'), EXIT.unreachable],
    [new TlsError('ERR_TLS_TRUNCATED', 'x'), EXIT.unreachable],
    [new PeerError('ERR_PEER_UNREACHABLE', 'x'), EXIT.unreachable],
    [new Refusal('ERR_IDENTITY_NAME', 'x'), EXIT.refused],
    [new TlsError('ERR_TLS_PEER_REFUSED', 'x'), EXIT.refused],
    [new TlsError('ERR_TLS_ALERT', 'x', { alert: 'certificate_required', alertFrom: 'peer' }), EXIT.refused],
    [new PeerError('ERR_PEER_NOT_FOUND', 'x'), EXIT.refused],
    [new PeerError('ERR_PEER_INVITE_REFUSED', 'x'), EXIT.refused],
    [new TlsError('ERR_TLS_ALERT', 'x', { alert: 'decode_error', alertFrom: 'peer' }), EXIT.protocol],
    [new TlsError('ERR_TLS_ALPN', 'x'), EXIT.protocol],
    [new PeerError('ERR_PEER_PROTOCOL', 'x'), EXIT.protocol],
    [new PeerError('ERR_PEER_TIMEOUT', 'x'), EXIT.timeout],
    [new LinkError('ERR_LINK_TIMEOUT', 'x'), EXIT.timeout],
    [new CliError('ERR_CLI_INTERRUPTED', 'x'), EXIT.interrupted],
    [new Error('anything else'), EXIT.other],
  ])('of %s is %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});
