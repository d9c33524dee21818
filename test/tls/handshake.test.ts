import { describe, expect, it } from 'vitest';
import { openPair } from '../support/tls.ts';

describe('handshake', () => {
  it('opens', () => {
    const { client, server } = openPair();
    expect(client.story).toEqual(['op verifyPeer', 'op sign', 'handshake']);
    expect(server.story).toEqual(['op sign', 'op verifyPeer', 'handshake']);
  });
});
