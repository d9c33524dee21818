import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { MAX_EPOCH_SKIP } from '../../src/mux/limits.ts';
import {
  decodeResume,
  decodeResumed,
  type Hmac,
  RESUME_SECRET_LENGTH,
  ResumeKey,
} from '../../src/mux/resumeProof.ts';

const hmac: Hmac = (key, ...parts) => noble.hmac('sha256', key, ...parts);
const SECRET = Uint8Array.from({ length: RESUME_SECRET_LENGTH }, (_, i) => i);

const pair = (): [ResumeKey, ResumeKey] => [new ResumeKey(SECRET, hmac), new ResumeKey(SECRET, hmac)];
const position = fc.maxSafeNat();

describe('the proof of a resumed link', () => {
  it('holds at the other end, each way, attempt after attempt, some of them lost on the way', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(position, position, fc.integer({ min: 0, max: MAX_EPOCH_SKIP })), { maxLength: 5 }),
        (attempts) => {
          const [asks, answers] = pair();
          for (const [theirs, ours, lost] of attempts) {
            for (let i = 0; i < lost; i++) asks.request(0);
            const request = decodeResume(asks.request(theirs));
            expect(request.received).toBe(theirs);
            expect(answers.accepts(request)).toBe(true);
            const answer = decodeResumed(answers.answer(ours));
            expect(answer.received).toBe(ours);
            expect(asks.confirms(answer)).toBe(true);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it('is worth one attempt: what was seen, or is older than what was accepted, is refused', () => {
    const [asks, answers] = pair();
    const requests = Array.from({ length: 10 }, (_, i) => decodeResume(asks.request(i)));
    expect(answers.accepts(requests[7]!)).toBe(true);
    for (const request of requests.slice(0, 8)) expect(answers.accepts(request)).toBe(false);
    expect(answers.accepts(requests[8]!)).toBe(true);
  });

  it('is refused with any bit changed, and that costs the right one nothing', () => {
    const bit = fc.integer({ min: 0, max: (16 + 32 + 1 + 4) * 8 - 1 });
    fc.assert(
      fc.property(bit, (at) => {
        const [asks, answers] = pair();
        const body = asks.request(100_000);
        const forged = body.slice();
        forged[at >> 3]! ^= 1 << (at & 7);
        const believed = (() => {
          try {
            const request = decodeResume(forged);
            return hex(request.id) === hex(answers.id) && answers.accepts(request);
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_MUX_PROTOCOL' });
            return false;
          }
        })();
        expect(believed).toBe(false);
        expect(answers.accepts(decodeResume(body))).toBe(true);
      }),
    );
  });

  it('is refused from who has another secret, or skips more epochs than may be lost', () => {
    const [asks, answers] = pair();
    const other = new ResumeKey(
      SECRET.map((byte, i) => (i < 16 ? byte : byte ^ 1)),
      hmac,
    );
    expect(answers.accepts(decodeResume(other.request(5)))).toBe(false);
    for (let i = 0; i <= MAX_EPOCH_SKIP; i++) asks.request(5);
    expect(answers.accepts(decodeResume(asks.request(5)))).toBe(false);
  });

  it('of the answer: only to the last request, once, and for the position that was said', () => {
    const [asks, answers] = pair();
    expect(answers.accepts(decodeResume(asks.request(1)))).toBe(true);
    const old = decodeResumed(answers.answer(2));
    expect(answers.accepts(decodeResume(asks.request(1)))).toBe(true);
    const answer = decodeResumed(answers.answer(2));
    expect(asks.confirms(old)).toBe(false);
    expect(asks.confirms({ ...answer, received: 3 })).toBe(false);
    expect(asks.confirms({ ...answer, mac: answer.mac.map((byte, i) => (i === 31 ? byte ^ 1 : byte)) })).toBe(
      false,
    );
    expect(asks.confirms(answer)).toBe(true);
    expect(asks.confirms(answer)).toBe(false);
  });

  it('is these bytes for this secret: another implementation can check itself', () => {
    const [asks, answers] = pair();
    asks.request(0);
    const body = asks.request(70_000);
    expect(hex(body)).toMatchInlineSnapshot(
      `"000102030405060708090a0b0c0d0e0f49fc553fe230a75936c9e420cd52e345226ae079567a17073f894b7a690a4b670280011170"`,
    );
    expect(answers.accepts(decodeResume(body))).toBe(true);
    expect(hex(answers.answer(1))).toMatchInlineSnapshot(
      `"714d7f0c3fdd0df3023887f021045dc558149d6d5f211b784e51d80cbae95c5d01"`,
    );
  });

  it('with a body cut short is malformed', () => {
    const [asks] = pair();
    const body = asks.request(70_000);
    for (let length = 0; length < body.length; length++)
      expect(() => decodeResume(body.subarray(0, length))).toThrow('RESUME frame has a malformed body');
    for (let length = 0; length < 33; length++)
      expect(() => decodeResumed(new Uint8Array(length))).toThrow('RESUMED frame has a malformed body');
  });
});
