import { describe, expect, it } from 'vitest';
import { isQ2qError, Q2qError, toError } from '../../src/base/errors.ts';

describe('an error of the library', () => {
  it('carries code, fault, hint and cause, and is an Error', () => {
    const cause = new Error('deeper');
    const error = new Q2qError('ERR_TEST', 'remote', 'got one, wanted two', { cause, hint: 'try again' });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      code: 'ERR_TEST',
      fault: 'remote',
      hint: 'try again',
      message: 'got one, wanted two',
    });
    expect(error.cause).toBe(cause);
  });

  it('has no cause property when none was given', () => {
    const error = new Q2qError('ERR_TEST', 'local', 'text');
    expect('cause' in error).toBe(false);
    expect(error.hint).toBeUndefined();
  });

  it('is known across copies of the library, and nothing else is', () => {
    class Child extends Q2qError<'ERR_CHILD'> {}
    expect(isQ2qError(new Child('ERR_CHILD', 'config', 'text'))).toBe(true);
    const otherCopy = Object.assign(new Error('text'), { [Symbol.for('q2q.error')]: true });
    expect(isQ2qError(otherCopy)).toBe(true);
    for (const value of [new Error('text'), null, undefined, 'text', {}, { code: 'ERR_TEST' }])
      expect(isQ2qError(value)).toBe(false);
  });

  it('is made of anything that was thrown', () => {
    const error = new TypeError('kept');
    expect(toError(error)).toBe(error);
    expect(toError('text').message).toBe('text');
    expect(toError(undefined)).toBeInstanceOf(Error);
  });
});
