/** Recorded peers with one answer changed: choices that are not theirs to make. */
import { describe, expect, it } from 'vitest';
import { type Bytes, utf8 } from '../../src/base/bytes.ts';
import { Reader } from '../../src/base/reader.ts';
import { decodeClientHello, encodeClientHello } from '../../src/tls/messages/clientHello.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { encodeEncryptedExtensions } from '../../src/tls/messages/encryptedExtensions.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import { encodeMessage } from '../../src/tls/messages/handshake.ts';
import { fault, openPair, type Pair, pump } from '../support/tls.ts';
import { other, record, SCENARIOS, type Scenario, Victim } from '../support/tlsScenarios.ts';
import { type Item, type MessageItem, readScript, writeScript } from '../support/tlsScript.ts';
import { fieldsOf, readTree, type Tree, type Vector, writeTree } from '../support/tlsTree.ts';

const named = (wanted: string): Scenario => SCENARIOS.find(({ name }) => name === wanted)!;

describe('a peer may send', () => {
  it('thirty-two tickets in a row, and not one more without data between', () => {
    const ticket = encodeMessage('new_session_ticket', (w) => w.u32(60).u32(0).u8(0).u16(1).u8(7).u16(0));
    const given = (count: number): Pair =>
      openPair({ serverSeam: { afterHandshake: Array<Bytes>(count).fill(ticket) } });
    expect(() => given(33)).toThrow('more than 32 tickets without data between');
    const ends = given(32);
    ends.server.connection.write(utf8('data'));
    pump(ends);
    expect(fault(ends.client.error)).toBe('undefined');
  });

  it('one raw public key, and never two', () => {
    const scenario = named('raw public keys');
    const certificate = (item: Item): item is MessageItem => item.kind === 'message' && item.type === 11;
    for (const victim of ['client', 'server'] as const) {
      const script = readScript(record(scenario).sent[other(victim)]);
      const doubled = script.map((item) => {
        if (!certificate(item)) return item;
        const tree = readTree(item.type, item.body);
        const list = (tree.children[0] as Vector).children[1] as Vector;
        list.children.push(list.children[0]!);
        return { ...item, body: writeTree(tree) };
      });
      const { error } = new Victim(scenario, victim).feed(writeScript(doubled)).end;
      expect(fault(error)).toBe('ERR_TLS_DECODE decode_error local');
    }
  });

  it.each([
    ['server', 20, 3, 'ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local'],
    ['client', 19, 3, 'ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local'],
    ['server', 20, 0, 'ERR_TLS_CERTIFICATE unsupported_certificate local'],
    ['client', 19, 0, 'ERR_TLS_CERTIFICATE unsupported_certificate local'],
  ])('no %s_certificate_type %i of %i where raw keys were agreed on', (_whose, type, value, refusal) => {
    const scenario = named('raw public keys');
    const script = readScript(record(scenario).sent.server).map((item) => {
      if (item.kind !== 'message' || item.type !== 8) return item;
      const { list: before } = ExtensionBlock.read(new Reader(item.body));
      const list = before.map((each) => (each.type === type ? { type, data: Uint8Array.of(value) } : each));
      return { ...item, body: encodeEncryptedExtensions(new ExtensionBlock(list)).subarray(4) };
    });
    expect(fault(new Victim(scenario, 'client').feed(writeScript(script)).end.error)).toBe(refusal);
  });

  it('no key to resume by without the modes it may be used in', () => {
    const scenario = named('resumption');
    const hello = readScript(record(scenario).sent.client).slice(0, 1);
    const script = hello.map((item) => {
      const { extensions, ...rest } = decodeClientHello((item as MessageItem).body);
      const list = extensions.list.filter(({ type }) => type !== ExtensionType.pskKeyExchangeModes);
      const body = encodeClientHello({ ...rest, extensions: new ExtensionBlock(list) }).subarray(4);
      return { ...(item as MessageItem), body };
    });
    const { error } = new Victim(scenario, 'server').feed(writeScript(script)).end;
    expect(fault(error)).toBe('ERR_TLS_MISSING_EXTENSION missing_extension local');
  });

  it('no certificate status but OCSP', () => {
    const scenario = named('small padded records, every question asked');
    for (const victim of ['client', 'server'] as const) {
      const script = readScript(record(scenario).sent[other(victim)]).map((item) => {
        if (item.kind !== 'message' || item.type !== 11) return item;
        const tree = readTree(item.type, item.body);
        const status = fieldsOf(tree).find(isStatus)!;
        status.children[0] = { kind: 'int', size: 1, value: 2 };
        return { ...item, body: writeTree(tree) };
      });
      const { error } = new Victim(scenario, victim).feed(writeScript(script)).end;
      expect(fault(error)).toBe('ERR_TLS_DECODE decode_error local');
    }
  });
});

/** `status_type` and the response behind it. */
function isStatus(field: Tree): field is Vector {
  if (field.kind !== 'vector' || field.children.length !== 2) return false;
  const [type, response] = field.children;
  return type?.kind === 'int' && type.size === 1 && response?.kind === 'vector' && response.lengthSize === 3;
}
