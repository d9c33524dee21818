/** Values that nobody knows and everybody must ignore (RFC 8701): 0x0A0A, 0x1A1A, … 0xFAFA. */

/** Any byte picks one. */
export function greaseValue(random: number): number {
  return ((random & 0xf0) | 0x0a) * 0x101;
}

export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff);
}

/** What a ClientHello says of them (§3.1). */
export class ClientGrease {
  readonly suite: number;
  readonly group: number;
  readonly version: number;
  readonly scheme: number;
  readonly first: number;
  readonly last: number;

  constructor(random: Uint8Array) {
    const value = (i: number): number => greaseValue(random[i]!);
    this.suite = value(0);
    this.group = value(1);
    this.version = value(2);
    this.first = value(3);
    this.scheme = value(5);
    this.last = value(4) === this.first ? this.first ^ 0x1010 : value(4);
  }
}
