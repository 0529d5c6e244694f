import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, serverLimits } from '../../src/jsonrpc/message.ts';
import { Kind, Scanner, type ScanFault, type ScanLimits } from '../../src/jsonrpc/scan.ts';
import { Slot } from '../../src/jsonrpc/members.ts';
import { cutAt } from '../support/cut.ts';

const boundless: ScanLimits = { depth: Infinity, keys: Infinity, elements: Infinity, isStrict: true };

function scan(chunks: readonly Buffer[], limits = boundless): Scanner {
  const scanner = new Scanner(limits);
  // As a socket may do it: each chunk is gone when the next one comes.
  for (const chunk of chunks) {
    const copy = Buffer.from(chunk);
    scanner.push(copy);
    copy.fill(0x22);
  }
  scanner.end();
  return scanner;
}

const faultOf = (text: string | Buffer, limits = boundless): ScanFault | undefined =>
  scan([Buffer.from(text as string)], limits).fault;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What everybody else says. */
function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(strictUtf8.decode(bytes));
    return true;
  } catch {
    return false;
  }
}

const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
const spaces = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary', minLength: 20, maxLength: 120 }),
  fc.string({ unit: fc.constantFrom('\\', '"', 'u', '\n', '\u0000', 'é', '😀', '\ud800', 'a'), maxLength: 60 }),
);
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    fc.oneof(texts, fc.double(), fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(texts, tie('value'), { maxKeys: 5 }),
  ),
})).value;
const json = fc
  .tuple(values, fc.constantFrom(undefined, 1, '\t', '\r\n '), spaces, spaces)
  .map(([value, indent, before, after]) => Buffer.from(before + JSON.stringify(value, null, indent) + after));

/** Bytes that mean something in JSON, and some that never do. */
const piece = fc
  .oneof(
    fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '-',
      '0',
      '1',
      '.',
      'e',
      '+',
      't',
      'null',
      'true',
      'false',
    ),
    fc.constantFrom('\\u', '\\u00e', '\\x', '01', '1.', '-', '\u0000', '\t', '\n', '\u001f', '\u007f', '\ufeff', ' '),
  )
  .map((text) => Buffer.from(text));
const anyPiece = fc.oneof(
  piece,
  fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
);
const mutation = fc.record({ at: fc.nat({ max: 300 }), removed: fc.nat({ max: 3 }), inserted: fc.option(anyPiece) });
const mutated = fc
  .tuple(json, fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.option(fc.nat({ max: 300 })))
  .map(([bytes, mutations, end]) => {
    let text = bytes;
    for (const { at, removed, inserted } of mutations) {
      const place = at % (text.length + 1);
      text = Buffer.concat([text.subarray(0, place), inserted ?? Buffer.alloc(0), text.subarray(place + removed)]);
    }
    return end === null ? text : text.subarray(0, end % (text.length + 1));
  });

describe('Scanner', () => {
  it('takes every JSON text, however it is cut', () => {
    fc.assert(
      fc.property(json, cuts, (bytes, places) => {
        const { fault } = scan(cutAt(Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]), places));
        expect(fault).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('says what JSON.parse says of texts that went wrong, however they are cut', () => {
    fc.assert(
      fc.property(mutated, cuts, fc.boolean(), (bytes, places, isWrapped) => {
        // In an array no key is looked at.
        const text = isWrapped ? Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]) : bytes;
        const { fault } = scan(cutAt(text, places));
        fc.pre(fault !== 'ambiguous');
        expect(fault).toBe(isJson(text) ? undefined : 'malformed');
      }),
      { numRuns: 5000 },
    );
  });

  it('says what JSON.parse says of any bytes', () => {
    fc.assert(
      fc.property(fc.array(anyPiece, { maxLength: 12 }), cuts, (pieces, places) => {
        const text = Buffer.concat(pieces);
        const { fault } = scan(cutAt(text, places));
        fc.pre(fault !== 'ambiguous');
        expect(fault).toBe(isJson(text) ? undefined : 'malformed');
      }),
      { numRuns: 3000 },
    );
  });

  it('says of a server’s text what JSON.parse would without control characters in texts', () => {
    fc.assert(
      fc.property(mutated, cuts, (bytes, places) => {
        const text = Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]);
        const isTaken = scan(cutAt(text, places), serverLimits).fault === undefined;
        if (isTaken) expect(isJson(text.map((byte) => Math.max(byte, 0x20)) as Buffer)).toBe(true);
        else expect(isJson(text)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '0', '-0', '1', '-1', '10', '1.0', '0.5', '1e2', '1E+2', '1e-2', '-1.5e10', '123456789012345678901234567890',
    'true', 'false', 'null', '""', '"a"', '{}', '[]', ' 1 ', '\t{\r\n}', '[[[]]]', '{"":0}', '"\\u00e9\\/\\b\\f"',
    '"\u007f\u2028"', '[1,2]', '{"a":1,"b":[{}]}', '"\\ud800"',
  ])('takes %s, cut anywhere', (text) => {
    const bytes = Buffer.from(text);
    const faults = Array.from(bytes, (_byte, at) => scan(cutAt(bytes, [at])).fault);
    expect(faults).toEqual(Array.from(bytes, () => undefined));
  }); // prettier-ignore

  it.each([
    '', ' ', '01', '-', '+1', '1.', '.5', '1e', '1e+', '1 2', '--1', '0x1', 'tru', 'truee', 'True', 'nul', 'NaN',
    'Infinity', 'undefined', '"', '"\\"', '"\\x"', '"\\u12g4"', '"\\u123"', '"\t"', "'a'", '{', '}', '[', ']', '[1',
    '[1,]', '[,1]', '[1 2]', '[1:2]', '{"a"}', '{"a":}', '{"a":1,}', '{,}', '{"a" 1}', '{"a":1 "b":2}', '{a:1}', '{1:2}',
    '{"a":1]', '[1}', '{}{}', '[][]', '1,2', ',', ':', '"a":1', '\u00a01', '\ufeff1', '//x\n1', '{"a":1,,"b":2}',
  ])('refuses %j, cut anywhere', (text) => {
    const bytes = Buffer.from(text);
    const faults = [0, ...bytes.keys()].map((at) => scan(cutAt(bytes, [at])).fault);
    expect(new Set(faults)).toEqual(new Set(['malformed']));
  }); // prettier-ignore

  it('refuses a raw control character anywhere in a client’s text', () => {
    const at = fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 200 }), fc.nat({ max: 0x1f }));
    fc.assert(
      fc.property(at, cuts, ([before, after, control], places) => {
        const text = `"${'x'.repeat(before)}${String.fromCharCode(control)}${'x'.repeat(after)}"`;
        expect(scan(cutAt(Buffer.from(text), places)).fault).toBe('malformed');
      }),
    );
  });

  it('judges a raw control character in a server’s text alike wherever it is cut', () => {
    const text = Buffer.from(`["${'x'.repeat(50)}\t${'x'.repeat(50)}"]`);
    const faults = Array.from(text, (_byte, at) => scan(cutAt(text, [at]), serverLimits).fault);
    expect(new Set(faults).size).toBe(1);
  });

  it('knows what is wrong before the end', () => {
    const scanner = new Scanner(clientLimits);
    scanner.push(Buffer.from('{"a":]'));
    expect(scanner.fault).toBe('malformed');
  });

  it('tells a text that is not UTF-8', () => {
    const scanner = scan([Buffer.from([0x22, 0xff, 0x22])]);
    expect([scanner.fault, scanner.isUtf8]).toEqual(['malformed', false]);
  });

  it('tells a character that is cut off at the end', () => {
    const scanner = scan([Buffer.from([0x22, 0xe2, 0x82])]);
    expect([scanner.fault, scanner.isUtf8]).toEqual(['malformed', false]);
  });
});

describe('Scanner guards', () => {
  const lists = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  const nested = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
  const keys = (count: number): string => `[{${Array.from({ length: count }, (_x, i) => `"k${i}":0`).join()}}]`;
  const same = (count: number): string => `[{${Array.from({ length: count }, () => '"k":0').join()}}]`;
  const elements = (count: number): string => `{"a":[${'0,'.repeat(count - 1)}0]}`;

  it.each<[string, string, ScanFault | undefined]>([
    ['64 lists in each other', lists(64), undefined],
    ['65 lists in each other', lists(65), 'too-deep'],
    ['64 objects in each other', nested(64), undefined],
    ['65 objects in each other', nested(65), 'too-deep'],
    ['many that are not in each other', `[${'[[]],'.repeat(100)}[]]`, undefined],
    ['10,000 keys', keys(10_000), undefined],
    ['10,001 keys', keys(10_001), 'too-many'],
    ['10,001 times the same key', same(10_001), 'too-many'],
    ['10,000 keys in each of two objects', `[${keys(10_000)},${keys(10_000)}]`, undefined],
    ['200,000 elements', elements(200_000), undefined],
    ['200,001 elements', elements(200_001), 'too-many'],
    ['200,000 elements in each of two lists', `[${elements(200_000)},${elements(200_000)}]`, undefined],
  ])('for clients: %s', (_what, text, fault) => {
    expect(faultOf(text, clientLimits)).toBe(fault);
  });

  it.each<[string, string]>([
    ['depth', lists(100_000)],
    ['keys', keys(10_001)],
    ['elements', elements(200_001)],
  ])('are not for servers: %s', (_what, text) => {
    expect(faultOf(text, serverLimits)).toBeUndefined();
  });

  it.each([
    ['clients', clientLimits],
    ['servers', serverLimits],
  ])('for %s: 10,000 messages of a batch, and not one more', (_who, limits) => {
    const batch = (count: number): string => `[${'1,'.repeat(count - 1)}1]`;
    expect([faultOf(batch(10_000), limits), faultOf(batch(10_001), limits)]).toEqual([undefined, 'too-many']);
  });

  it('for servers: a million levels, and not one more', () => {
    expect([faultOf(lists(1_000_000), serverLimits), faultOf(lists(1_000_001), serverLimits)]).toEqual([
      undefined,
      'too-deep',
    ]);
  });

  it('hold also for what comes in single bytes', () => {
    const faults = [lists(64), lists(65)].map(
      (text) =>
        scan(
          Array.from(Buffer.from(text), (byte) => Buffer.of(byte)),
          clientLimits,
        ).fault,
    );
    expect(faults).toEqual([undefined, 'too-deep']);
  });
});

describe('Scanner keys', () => {
  it.each([
    '{"params":{"_meta":{"progressToken":1,"a":"b","progress\\u0054oken":2}}}',
    '{"params":{"aé":1,"b":{},"AÉ":2}}',
    '{"\u212a":1,"k":2}',
  ])('that are ambiguous are so wherever they are cut: %s', (text) => {
    const bytes = Buffer.from(text);
    const faults = Array.from(bytes, (_byte, at) => scan(cutAt(bytes, [at]), clientLimits).fault);
    expect(new Set(faults)).toEqual(new Set(['ambiguous']));
  });

  it('that are ambiguous are so byte by byte', () => {
    const bytes = Array.from(Buffer.from('{"params":{"aé":1,"AÉ":2}}'), (byte) => Buffer.of(byte));
    expect(scan(bytes, clientLimits).fault).toBe('ambiguous');
  });
});

describe('Scanner slots', () => {
  const text =
    '{"jsonrpc":"2.0", "id" : 1.50 ,"method":"m\\u0041","params":{"progressToken":"é","requestId":-0,"taskId":"t",' +
    '"task":{},"_meta":{"progressToken":7,"io.modelcontextprotocol/related-task":{"taskId":"r"}}}}';
  const wanted = { [Slot.jsonrpc]: '"2.0"', [Slot.id]: '1.50', [Slot.method]: '"m\\u0041"', [Slot.progressToken]: '"é"', [Slot.requestId]: '-0', [Slot.taskId]: '"t"', [Slot.metaToken]: '7', [Slot.relatedTask]: '"r"' }; // prettier-ignore

  it('are found wherever the text is cut', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(cuts, (places) => {
        const scanner = scan(cutAt(bytes, places), clientLimits);
        const found = Object.keys(wanted).map((slot) => [slot, scanner.raw(Number(slot), Bytes.of(bytes))]);
        expect(Object.fromEntries(found)).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it('are found byte by byte', () => {
    const bytes = Buffer.from(text);
    const scanner = scan(
      Array.from(bytes, (byte) => Buffer.of(byte)),
      clientLimits,
    );
    expect(Object.keys(wanted).map((slot) => scanner.raw(Number(slot), Bytes.of(bytes)))).toEqual(
      Object.values(wanted),
    );
  });

  it.each([
    ['null', Kind.literal],
    ['1', Kind.number],
    ['"a"', Kind.text],
    ['{}', Kind.object],
    ['[]', Kind.array],
  ])('know the kind of %s', (value, kind) => {
    const scanner = scan([Buffer.from(`{"id":${value}}`)]);
    expect([scanner.kind(Slot.id), scanner.kind(Slot.method), scanner.topKind]).toEqual([
      kind,
      Kind.absent,
      Kind.object,
    ]);
  });

  it('have no value that the text does not give whole', () => {
    const scanner = new Scanner(clientLimits);
    scanner.push(Buffer.from('{"id":"abc"}'));
    scanner.end();
    scanner.reset();
    scanner.push(Buffer.from('{"id":"ab'));
    scanner.end();
    expect(scanner.size(Slot.id)).toBe(Infinity);
  });

  it('are empty after reset()', () => {
    const scanner = scan([Buffer.from(text)], clientLimits);
    scanner.reset();
    expect(Object.keys(wanted).map((slot) => scanner.kind(Number(slot)))).toEqual(
      Object.keys(wanted).map(() => Kind.absent),
    );
  });

  it('of a text that followed a broken one are those of that text', () => {
    const scanner = scan([Buffer.from('{"id":[{"a":"\\')], clientLimits);
    scanner.reset();
    const bytes = Buffer.from('{"id":2}');
    scanner.push(bytes);
    expect([scanner.end(), scanner.raw(Slot.id, Bytes.of(bytes))]).toEqual([undefined, '2']);
  });
});

describe('Scanner.elements()', () => {
  it('are the elements of the whole, and of no list within', () => {
    const bytes = Buffer.from(' [ {"a":[1,2]} , 12,"x" ,[3,[4]],null] ');
    const wanted = ['{"a":[1,2]}', '12', '"x"', '[3,[4]]', 'null'];
    fc.assert(
      fc.property(cuts, (places) => {
        const found = scan(cutAt(bytes, places)).elements();
        expect(found.map(([start, end]) => bytes.toString('utf8', start, end))).toEqual(wanted);
      }),
    );
  });

  it.each(['[]', '{}', '1', '{"a":[1]}'])('are none for %s', (text) => {
    expect(scan([Buffer.from(text)]).elements()).toEqual([]);
  });
});
