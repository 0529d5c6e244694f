import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { LineFramer, type LineListener } from '../../src/jsonrpc/line-framer.ts';

interface Framed {
  readonly lines: readonly string[];
  readonly tooLong: number;
}

const nothing = (): void => undefined;

function listen(listener: Partial<LineListener>): LineListener {
  return { onBegin: nothing, onPart: nothing, onLine: nothing, onTooLong: nothing, ...listener };
}

/** What a framer makes of these chunks and the end of the stream. */
function frame(chunks: readonly (string | Buffer)[], maxLineBytes = 1000, isEnded = true): Framed {
  const lines: string[] = [];
  let tooLong = 0;
  const listener = listen({
    // latin1 keeps every byte, and a test can read it.
    onLine: (line) => lines.push(Buffer.concat(line.parts).toString('latin1')),
    onTooLong: () => (tooLong += 1),
  });
  const framer = new LineFramer(maxLineBytes, listener);
  for (const chunk of chunks) {
    const memory = Buffer.from(chunk as string);
    framer.push(memory);
    // It is there for so long, and no longer.
    memory.fill('#');
  }
  if (isEnded) framer.end();
  return { lines, tooLong };
}

/** Bytes in which line ends are frequent, cut into chunks at random places. */
const chunked = fc
  .tuple(
    fc.array(fc.oneof(fc.constantFrom(10, 10, 13, 65), fc.nat({ max: 255 })), { maxLength: 200 }),
    fc.array(fc.nat({ max: 200 }), { maxLength: 20 }),
  )
  .map(([bytes, cuts]) => {
    const whole = Buffer.from(bytes);
    const places = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].sort((a, b) => a - b);
    return { whole, chunks: places.slice(1).map((end, i) => whole.subarray(places[i], end)) };
  });

/** The lines by the definition: cut at LF, without one CR, none empty, and nothing from the first that is too long. */
function expected(whole: Buffer, maxLineBytes: number): Framed {
  const lines = whole
    .toString('latin1')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  const broken = lines.findIndex((line) => line.length > maxLineBytes);
  const good = broken === -1 ? lines : lines.slice(0, broken);
  return { lines: good.filter((line) => line !== ''), tooLong: broken === -1 ? 0 : 1 };
}

describe('LineFramer.push()', () => {
  it.each<[string, string[], string[]]>([
    ['a line in one chunk', ['a\n'], ['a']],
    ['two lines in one chunk', ['a\nb\n'], ['a', 'b']],
    ['a line in three chunks', ['a', 'b', 'c\n'], ['abc']],
    ['a line end in a chunk of its own', ['a', '\n'], ['a']],
    ['the end of one line and the begin of another', ['a', 'b\nc', 'd\n'], ['ab', 'cd']],
    ['lines that end in CRLF', ['a\r\nb\r\n'], ['a', 'b']],
    ['CR and LF in two chunks', ['a\r', '\nb\n'], ['a', 'b']],
    ['CR within a line', ['a\rb\n'], ['a\rb']],
    ['one CR only of two', ['a\r\r\n'], ['a\r']],
    ['spaces around a line', [' a \n'], [' a ']],
    ['a line of spaces', ['  \n'], ['  ']],
  ])('gives %s', (_what, chunks, lines) => {
    expect(frame(chunks).lines).toEqual(lines);
  });

  it.each([[['\n\n\n']], [['\r\n\r\n']], [['\r', '\n']], [['']], [[]]])('gives no empty line: %j', (chunks) => {
    expect(frame(chunks).lines).toEqual([]);
  });

  it('holds back a line that has not ended', () => {
    expect(frame(['a\nb'], 1000, false).lines).toEqual(['a']);
  });

  it('gives a line in one chunk without copying it', () => {
    const chunk = Buffer.from('abc\n');
    let given: Bytes | undefined;
    new LineFramer(10, listen({ onLine: (line) => (given = line) })).push(chunk);
    expect(given?.parts[0]?.buffer).toBe(chunk.buffer);
  });

  it('gives the same lines for any bytes in any chunks', () => {
    fc.assert(
      fc.property(chunked, ({ whole, chunks }) => {
        expect(frame(chunks)).toEqual(expected(whole, 1000));
      }),
    );
  });

  it('keeps the same limit for any bytes in any chunks', () => {
    fc.assert(
      fc.property(chunked, fc.integer({ min: 1, max: 12 }), ({ whole, chunks }, maxLineBytes) => {
        const { lines, tooLong } = frame(chunks, maxLineBytes);
        expect({ lines, tooLong }).toEqual(expected(whole, maxLineBytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps every character whole, byte by byte', () => {
    const texts = fc.array(
      fc.string({ unit: 'binary', minLength: 1 }).map((text) => text.replaceAll(/[\r\n]/g, '') || 'x'),
    );
    fc.assert(
      fc.property(texts, (lines) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
        const framed = frame(chunks, 10_000).lines.map((line) => Buffer.from(line, 'latin1').toString('utf8'));
        expect(framed).toEqual(lines);
      }),
    );
  });
});

describe('LineFramer listener', () => {
  /** All that a listener hears, in its order. */
  function hear(chunks: readonly (string | Buffer)[], maxLineBytes = 1000): string[] {
    const heard: string[] = [];
    const framer = new LineFramer(maxLineBytes, {
      onBegin: () => heard.push('begin'),
      onPart: (part) => heard.push(`part ${part.toString('latin1')}`),
      onLine: (line) => heard.push(`line ${line.toString()}`),
      onTooLong: () => heard.push('too long'),
    });
    for (const chunk of chunks) framer.push(Buffer.from(chunk as string));
    framer.end();
    return heard;
  }

  it('hears the beginning, the parts as they come, and the line', () => {
    expect(hear(['ab', 'c\nd\n'])).toEqual([
      ...['begin', 'part ab', 'part c', 'line abc'],
      ...['begin', 'part d', 'line d'],
    ]);
  });

  it('hears of a part before the line ends', () => {
    const parts: string[] = [];
    new LineFramer(10, listen({ onPart: (part) => parts.push(part.toString()) })).push(Buffer.from('ab'));
    expect(parts).toEqual(['ab']);
  });

  it('hears nothing of empty lines in one chunk', () => {
    expect(hear(['\n\r\n\n'])).toEqual([]);
  });

  it('hears no line for a CR that stands alone in its chunk', () => {
    expect(hear(['\r', '\n', 'a\n'])).toEqual(['begin', 'part \r', 'begin', 'part a', 'line a']);
  });

  it('hears of no part that makes a line too long', () => {
    expect(hear(['ab', 'cd', 'ef\n'], 3)).toEqual(['begin', 'part ab', 'too long']);
  });

  it('hears in its parts just the line, and the CR at its end', () => {
    fc.assert(
      fc.property(chunked, ({ chunks }) => {
        let parts = '';
        const strange: string[][] = [];
        const framer = new LineFramer(1000, {
          onBegin: () => (parts = ''),
          onPart: (part) => (parts += part.toString('latin1')),
          onLine: (line) => {
            const text = Buffer.concat(line.parts).toString('latin1');
            if (parts !== text && parts !== `${text}\r`) strange.push([parts, text]);
          },
          onTooLong: nothing,
        });
        for (const chunk of chunks) framer.push(chunk);
        framer.end();
        expect(strange).toEqual([]);
      }),
    );
  });

  it('hears "begin" once for each line, and before it', () => {
    fc.assert(
      fc.property(chunked, ({ chunks }) => {
        const marks = hear(chunks).map((mark) => mark.split(' ', 1)[0]);
        expect(marks.join(' ')).toMatch(/^(begin( part)+( line)?( |$))*$/);
      }),
    );
  });
});

describe('LineFramer, for a large line,', () => {
  const largeLine = (chunkBytes: number, count: number, end = '\n'): Bytes => {
    let given: Bytes | undefined;
    const framer = new LineFramer(Infinity, listen({ onLine: (line) => (given = line) }));
    for (let i = 0; i < count; i++) framer.push(Buffer.alloc(chunkBytes, 0x61 + (i % 26)));
    framer.push(Buffer.from(end));
    return given ?? Bytes.from('');
  };

  it('needs no chunk any longer than until the next one comes', () => {
    const memory = Buffer.alloc(50_000);
    let given = '';
    const framer = new LineFramer(Infinity, listen({ onLine: (line) => (given = line.toString()) }));
    for (const letter of 'abcdefgh') framer.push(memory.fill(letter));
    framer.push(memory.fill('\n'));
    expect(given).toBe(
      Array.from('abcdefgh')
        .map((letter) => letter.repeat(50_000))
        .join(''),
    );
  });

  it('gives few pieces however small its chunks were', () => {
    const { parts, length } = largeLine(10, 200_000);
    expect([length, parts.length]).toEqual([2_000_000, Math.ceil(2_000_000 / (64 * 1024))]);
  });

  it('gives pieces of 64 KiB, but for the last', () => {
    const { parts } = largeLine(7001, 300);
    expect(new Set(parts.slice(0, -1).map(({ length }) => length))).toEqual(new Set([64 * 1024]));
  });

  it('takes little more memory for a small line than it has bytes', () => {
    const { parts } = largeLine(1, 1500);
    expect(parts.map(({ buffer }) => buffer.byteLength)).toEqual([2048]);
  });

  it.each(['\r\n', '\n'])('leaves out its end: %j', (end) => {
    expect(largeLine(64 * 1024, 20, end).length).toBe(20 * 64 * 1024);
  });

  it('leaves out a CR that came in the chunk before', () => {
    const lines: string[] = [];
    const framer = new LineFramer(Infinity, listen({ onLine: (line) => lines.push(line.toString().slice(-3)) }));
    for (let i = 0; i < 20; i++) framer.push(Buffer.alloc(64 * 1024, 'x'));
    for (const end of ['yz\r', '\n']) framer.push(Buffer.from(end));
    expect(lines).toEqual(['xyz'.slice(0, 3)]);
  });
});

describe('LineFramer with a limit', () => {
  it.each([
    ['in one chunk', ['abc\n']],
    ['in two chunks', ['ab', 'c\n']],
    ['before its line end', ['abc', '\n']],
    ['with CRLF', ['abc\r\n']],
    ['with CR in a chunk of its own', ['abc', '\r', '\n']],
    ['without a line end', ['abc']],
  ])('gives a line of just that length %s', (_how, chunks) => {
    expect(frame(chunks, 3)).toEqual({ lines: ['abc'], tooLong: 0 });
  });

  it.each([
    ['in one chunk', ['abcd\n']],
    ['in two chunks', ['ab', 'cd\n']],
    ['without a line end', ['abcd']],
    ['with CR in place of a character', ['abc\rd\n']],
  ])('gives no line that is longer by one %s', (_how, chunks) => {
    expect(frame(chunks, 3)).toEqual({ lines: [], tooLong: 1 });
  });

  it('tells at once, before the line ends', () => {
    expect(frame(['abcd'], 3, false).tooLong).toBe(1);
  });

  it('gives the lines before the one that is too long', () => {
    expect(frame(['a\nb\nabcd\n'], 3).lines).toEqual(['a', 'b']);
  });

  it('gives nothing after the one that is too long', () => {
    expect(frame(['abcd\na\n', 'b\n'], 3).lines).toEqual([]);
  });

  it('tells once, however much follows', () => {
    expect(frame(['abcd', 'efgh\n', 'abcdefgh\n'], 3).tooLong).toBe(1);
  });
});

describe('LineFramer.end()', () => {
  it('gives bytes without a line end', () => {
    expect(frame(['a\nb']).lines).toEqual(['a', 'b']);
  });

  it('gives nothing after a line end', () => {
    expect(frame(['a\n']).lines).toEqual(['a']);
  });

  it('gives nothing for a lone CR', () => {
    expect(frame(['\r']).lines).toEqual([]);
  });

  it('gives the rest once', () => {
    const lines: Bytes[] = [];
    const framer = new LineFramer(10, listen({ onLine: (line) => lines.push(line) }));
    framer.push(Buffer.from('a'));
    framer.end();
    framer.end();
    expect(lines).toHaveLength(1);
  });
});
