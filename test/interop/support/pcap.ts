/** Bytes of a connection as a capture file that tshark reads: TCP over IPv4, no checksums, client first. */

export interface Segment {
  readonly from: 'client' | 'server';
  readonly bytes: Uint8Array;
}

const MAX_SEGMENT = 32_768;
const CLIENT = { address: [10, 0, 0, 1], port: 50_000 };
const SERVER = { address: [10, 0, 0, 2], port: 443 }; // where tshark looks for TLS by itself

/** Segments in the order in which they went over the wire. */
export function capture(segments: readonly Segment[]): Buffer {
  const next = { client: 1, server: 1 };
  const packets = [
    header(),
    packet('client', 0, 0, SYN, Buffer.alloc(0)),
    packet('server', 0, 1, SYN | ACK, Buffer.alloc(0)),
  ];
  for (const { from, bytes } of segments) {
    const other = from === 'client' ? 'server' : 'client';
    for (let at = 0; at < bytes.length; at += MAX_SEGMENT) {
      const part = bytes.subarray(at, at + MAX_SEGMENT);
      packets.push(packet(from, next[from], next[other], PSH | ACK, part));
      next[from] += part.length;
    }
  }
  return Buffer.concat(packets);
}

const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;

/** Classic pcap, microseconds, raw IP packets (link type 101). */
function header(): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(0xa1b2c3d4, 0);
  bytes.writeUInt16LE(2, 4);
  bytes.writeUInt16LE(4, 6);
  bytes.writeUInt32LE(262_144, 16);
  bytes.writeUInt32LE(101, 20);
  return bytes;
}

function packet(
  from: 'client' | 'server',
  sequence: number,
  acknowledged: number,
  flags: number,
  payload: Uint8Array,
): Buffer {
  const [source, target] = from === 'client' ? [CLIENT, SERVER] : [SERVER, CLIENT];
  const length = 40 + payload.length;
  const bytes = Buffer.alloc(16 + 40);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt32LE(length, 12);
  bytes.set([0x45, 0], 16);
  bytes.writeUInt16BE(length, 18);
  bytes.set([64, 6], 24); // time to live, TCP
  bytes.set([...source.address, ...target.address], 28);
  bytes.writeUInt16BE(source.port, 36);
  bytes.writeUInt16BE(target.port, 38);
  bytes.writeUInt32BE(sequence, 40);
  bytes.writeUInt32BE(acknowledged, 44);
  bytes.set([0x50, flags], 48);
  bytes.writeUInt16BE(65_535, 50);
  return Buffer.concat([bytes, payload]);
}
