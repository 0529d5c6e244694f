import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventParser } from '../../src/remote/event-parser.ts';

interface Parsed {
  readonly events: { readonly type: string; readonly data: string; readonly lastId: string | undefined }[];
  readonly parser: EventParser;
}

/** @param cuts where the stream is cut into chunks */
function parse(stream: string | Buffer, cuts: readonly number[] = []): Parsed {
  const bytes = Buffer.from(stream);
  const events: Parsed['events'] = [];
  let data: Buffer[] = [];
  const parser: EventParser = new EventParser({
    onData: (piece) => data.push(piece),
    onEvent: (type) => {
      events.push({ type, data: Buffer.concat(data).toString(), lastId: parser.lastId });
      data = [];
    },
  });
  let from = 0;
  for (const cut of [...cuts, bytes.length].map((at) => Math.min(at, bytes.length)).sort((a, b) => a - b)) {
    parser.push(bytes.subarray(from, cut));
    from = cut;
  }
  return { events, parser };
}

const datas = (stream: string): string[] => parse(stream).events.map(({ data }) => data);

describe('EventParser.push()', () => {
  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('reads lines that end with %s', (_, end) => {
    const stream = ['id: 7', 'event: message', 'data: one', '', 'data: two', '', ''].join(end);
    expect(parse(stream).events).toEqual([
      { type: 'message', data: 'one', lastId: '7' },
      { type: 'message', data: 'two', lastId: '7' },
    ]);
  });

  it('gives the same events wherever the chunks are cut', () => {
    const line = fc.constantFrom('data: {"a":"ä€😀"}', 'data:x', 'data', 'data: ', ':ping', 'id: 12', 'id', 'event: ping', 'retry: 30', 'other: 1', '', '', ''); // prettier-ignore
    const end = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, end), { maxLength: 30 }),
        fc.array(fc.nat(400), { maxLength: 60 }),
        (lines, cuts) => {
          const stream = lines.map(([text, lineEnd]) => `${text}${lineEnd}`).join('');
          expect(parse(stream, cuts).events).toEqual(parse(stream).events);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('joins several data lines with a line break', () => {
    expect(datas('data: {\ndata:   "a": 1\ndata\ndata:}\n\n')).toEqual(['{\n  "a": 1\n\n}']);
  });

  it('takes one space after the colon for its own, and no more', () => {
    expect(datas('data:  x\n\ndata:x\n\n')).toEqual([' x', 'x']);
  });

  it('skips comments, unknown fields and events without data', () => {
    expect(datas(': hello\n\nfoo: bar\nevent: x\n\ndata: y\n\n')).toEqual(['y']);
  });

  it('keeps bytes that are no UTF-8', () => {
    const pieces: Buffer[] = [];
    const parser = new EventParser({ onData: (piece) => pieces.push(piece), onEvent: () => undefined });
    parser.push(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xfe, 0x0a, 0x0a]));
    expect(Buffer.concat(pieces)).toEqual(Buffer.from([0xff, 0xfe]));
  });

  it('skips a byte order mark, and takes one elsewhere for what it is', () => {
    expect(datas('\ufeffdata: a\n\n\ufeffdata: b\n\ndata: c\n\n')).toEqual(['a', 'c']);
  });

  it('does not give an event whose end did not come', () => {
    const { events, parser } = parse('id: 1\ndata: a\n\nid: 2\ndata: b\n');
    expect([events.length, parser.lastId]).toEqual([1, '1']);
  });
});

describe('EventParser.lastId', () => {
  it('is that of an event without data too', () => {
    expect(parse('id: first\ndata:\n\n').parser.lastId).toBe('first');
    expect(parse('id: first\n\n').parser.lastId).toBe('first');
  });

  it('is taken back by an empty one, and not changed by one with a NUL', () => {
    expect(parse('id: a\n\nid\n\n').parser.lastId).toBe('');
    expect(parse('id: a\n\nid: b\0\n\n').parser.lastId).toBe('a');
  });
});

describe('EventParser.retryMs', () => {
  it('is the last whole number that was said', () => {
    expect(parse('retry: 250\n\nretry: soon\n\n').parser.retryMs).toBe(250);
  });
});
