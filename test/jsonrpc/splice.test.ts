import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits, type Spans } from '../../src/jsonrpc/message.ts';
import { splice, type Edit } from '../../src/jsonrpc/splice.ts';

/** The spans of a message, in the order in which they stand in it. */
function spansOf(text: string): Spans {
  const message = readMessage(Bytes.from(text), serverLimits);
  if (isRefusal(message) || !('spans' in message)) throw new Error('no message');
  return message.spans;
}

describe('splice()', () => {
  it.each<[string, string, keyof Spans, string, string]>([
    ['an id', '{"jsonrpc":"2.0","id": 7 ,"method":"m"}', 'id', '"a"', '{"jsonrpc":"2.0","id": "a" ,"method":"m"}'],
    [
      'an id at the end',
      '{"method":"m","jsonrpc":"2.0","id":"x\\u0041"}',
      'id',
      '1',
      '{"method":"m","jsonrpc":"2.0","id":1}',
    ],
    [
      'the id of an answer',
      '{"id":1.0,"jsonrpc":"2.0","result":{"id":1}}',
      'id',
      '22',
      '{"id":22,"jsonrpc":"2.0","result":{"id":1}}',
    ],
    [
      'the token of a request',
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"progressToken":"no","_meta":{"progressToken":"yes"}}}',
      'token',
      '5',
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"progressToken":"no","_meta":{"progressToken":5}}}',
    ],
    [
      'the token of progress',
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":12,"progress":1}}',
      'token',
      '"mine"',
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":1}}',
    ],
    [
      'the id of what is cancelled',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a","reason":"b"}}',
      'requestId',
      '3',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3,"reason":"b"}}',
    ],
  ])('replaces %s and nothing else', (_what, text, place, replacement, wanted) => {
    const span = spansOf(text)[place];
    expect(splice(Bytes.from(text), [{ span: span!, text: replacement }]).toString()).toBe(wanted);
  });

  it('is exact on any bytes in any pieces', () => {
    const cuts = fc.array(fc.nat(400), { maxLength: 8 });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        cuts,
        cuts,
        fc.array(fc.string(), { maxLength: 8 }),
        (text, pieces, places, texts) => {
          const buffer = Buffer.from(text);
          const within = (points: number[]): number[] =>
            points.map((at) => Math.min(at, buffer.length)).sort((a, b) => a - b);
          const bounds = [0, ...within(pieces), buffer.length];
          const bytes = new Bytes(
            bounds.slice(1).map((end, i) => buffer.subarray(bounds[i], end)),
            buffer.length,
          );
          const points = within(places);
          const edits = texts
            .slice(0, Math.floor(points.length / 2))
            .map((each, i): Edit => ({ span: [points[2 * i]!, points[2 * i + 1]!], text: each }));
          const wanted: Buffer[] = [];
          let at = 0;
          for (const { span, text: each } of edits) {
            wanted.push(buffer.subarray(at, span[0]), Buffer.from(each));
            at = span[1];
          }
          wanted.push(buffer.subarray(at));
          const result = splice(bytes, edits);
          expect(Buffer.concat(result.parts)).toEqual(Buffer.concat(wanted));
          expect(result.length).toBe(Buffer.concat(wanted).length);
        },
      ),
    );
  });

  it('does not join the pieces of a large message', () => {
    const half = Buffer.alloc(1024 * 1024, 'a');
    const spliced = splice(new Bytes([half, half], 2 * half.length), [{ span: [0, 1], text: 'b' }]);
    expect(spliced.parts.some((part) => part.buffer === half.buffer)).toBe(true);
    expect(spliced.length).toBe(2 * half.length);
  });
});
