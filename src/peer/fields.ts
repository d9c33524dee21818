/** Fields of control messages: each knows how to write itself and how to tell a good value from a bad one. */
import type { Packed } from './msgpack.ts';

export interface Field<T> {
  /** For the error text: "wanted …". */
  readonly wanted: string;
  write(value: T): Packed;
  /** The value, or undefined when it is not one. */
  read(value: Packed): T | undefined;
}

export function integer(): Field<number> {
  return {
    wanted: 'an integer from 0 to 2^53-1',
    write: (value) => value,
    read: (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined),
  };
}

export const flag: Field<boolean> = {
  wanted: 'true or false',
  write: (value) => value,
  read: (value) => (typeof value === 'boolean' ? value : undefined),
};

/** Lengths count UTF-16 units, as everywhere in JavaScript. Control characters have no place in any of our texts. */
export function text(min: number, max: number): Field<string> {
  return {
    wanted: `${min} to ${max} characters of text without control characters`,
    write: (value) => value,
    read(value) {
      if (typeof value !== 'string' || value.length < min || value.length > max) return undefined;
      return /[\p{Cc}\p{Cs}\u2028\u2029\ufffd]/u.test(value) ? undefined : value;
    },
  };
}

export function bytes(min: number, max: number): Field<Uint8Array> {
  return {
    wanted: `${min} to ${max} bytes`,
    write: (value) => value,
    read: (value) =>
      value instanceof Uint8Array && value.length >= min && value.length <= max ? value : undefined,
  };
}

export function list<T>(item: Field<T>, min: number, max: number): Field<readonly T[]> {
  return {
    wanted: `a list of ${min} to ${max} times ${item.wanted}`,
    write: (values) => values.map((value) => item.write(value)),
    read(value) {
      if (!Array.isArray(value) || value.length < min || value.length > max) return undefined;
      const items: T[] = [];
      for (const entry of value as readonly Packed[]) {
        const read = item.read(entry);
        if (read === undefined) return undefined;
        items.push(read);
      }
      return items;
    },
  };
}
