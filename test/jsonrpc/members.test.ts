import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, readMessage, serverLimits } from '../../src/jsonrpc/message.ts';
import { aNotification } from '../support/envelopes.ts';

const inEnvelope = (members: string): string => `{"jsonrpc":"2.0","id":1,"method":"m",${members}}`;
const inParams = (members: string): string => inEnvelope(`"params":{${members}}`);
const inMeta = (members: string): string => inParams(`"_meta":{${members}}`);
const inArguments = (members: string): string => inParams(`"arguments":{${members}}`);

function kinds(text: string): { client: string; server: string } {
  const [client, server] = [clientLimits, serverLimits].map((limits) => readMessage(Bytes.from(text), limits).kind);
  return { client: client ?? '', server: server ?? '' };
}

/** Two members whose keys some readers take for the same, and others do not. */
const doubles = [
  ['the same', '"x":1,"x":2'],
  ['the same with something between', '"x":1,"y":[{"x":0}],"x":2'],
  ['one in capitals', '"x":1,"X":2'],
  ['one in capitals first', '"XY":1,"xy":2'],
  ['one with an escape', '"x":1,"\\u0078":2'],
  ['one with an escaped NUL', '"x":1,"x\\u0000":2'],
  ['one with ſ', '"s":1,"ſ":2'],
  ['one with the sign of Kelvin', '"k":1,"\u212a":2'],
  ['one with the sign of Kelvin, escaped', '"k":1,"\\u212A":2'],
  ['letters beyond ASCII', '"é":1,"É":2'],
  ['empty ones', '"":1,"":2'],
  ['an empty one and a NUL', '"":1,"\\u0000":2'],
  ['"__proto__"', '"__proto__":1,"__proto__":2'],
  ['the same after seventeen others', `${Array.from({ length: 17 }, (_x, i) => `"k${i}":0`).join()},"k0":1`],
  ['the same after a hundred others', `${Array.from({ length: 100 }, (_x, i) => `"k${i}":0`).join()},"K99":1`],
] as const;

describe.each(doubles)('A key twice (%s)', (_what, members) => {
  it('is refused in the envelope, for all', () => {
    expect(kinds(inEnvelope(members))).toEqual({ client: 'ambiguous', server: 'ambiguous' });
  });

  it('is refused in params, for clients', () => {
    expect(kinds(inParams(members))).toEqual({ client: 'ambiguous', server: 'request' });
  });

  it('is refused in _meta, for clients', () => {
    expect(kinds(inMeta(members))).toEqual({ client: 'ambiguous', server: 'request' });
  });

  it('is no matter in arguments', () => {
    expect(kinds(inArguments(members))).toEqual({ client: 'request', server: 'request' });
  });
});

describe('A key twice', () => {
  it('is no matter in the objects of a list', () => {
    expect(kinds(inParams('"list":[{"x":1,"x":2}]')).client).toBe('request');
  });

  it('is no matter in a result', () => {
    expect(kinds('{"jsonrpc":"2.0","id":1,"result":{"x":1,"x":2}}').client).toBe('response');
  });

  it('in different objects is none', () => {
    expect(kinds(inParams('"x":1,"_meta":{"x":1,"y":{"x":1}},"arguments":{"x":1}')).client).toBe('request');
  });

  it('is no other that is alike', () => {
    expect(kinds(inParams('"xy":1,"x":1,"y":1,"":1," ":1," x":1,"x ":1')).client).toBe('request');
  });
});

const mimics = [
  ['ID', '"ID":2'],
  ['Method', '"Method":"x"'],
  ['PARAMS', '"PARAMS":{}'],
  ['reſult', '"reſult":1'],
  ['param\u017f', '"param\u017f":{}'],
  ['id and a NUL', '"id\\u0000":2'],
  ['i, a NUL and d', '"i\\u0000d":2'],
  ['Error', '"Error":{}'],
  ['JSONRPC', '"JSONRPC":"2.0"'],
  ['_META', '"_META":{}'],
] as const;

describe.each(mimics)('A key that mimics another (%s)', (_what, member) => {
  const alone = `{"jsonrpc":"2.0","method":"m",${member}}`;

  it('is refused in the envelope for clients, also alone', () => {
    expect(kinds(alone).client).toBe('ambiguous');
  });

  it('is refused in params for clients', () => {
    expect(kinds(inParams(member)).client).toBe('ambiguous');
  });

  it('is no matter in arguments', () => {
    expect(kinds(inArguments(member))).toEqual({ client: 'request', server: 'request' });
  });
});

describe('A key with an escape', () => {
  it.each([
    ['id', '{"jsonrpc":"2.0","\\u0069d":5.0,"method":"m"}'],
    ['all of them', '{"\\u006asonrpc":"2.0","i\\u0064":5.0,"\\u006d\\u0065thod":"m"}'],
    ['with small and capital digits', '{"jsonrpc":"2.0","id":5.0,"metho\\u0064":"m","para\\u006Ds":{}}'],
  ])('is what it means: %s', (_what, text) => {
    expect(readMessage(Bytes.from(text), clientLimits)).toMatchObject({ kind: 'request', idText: '5.0', method: 'm' });
  });
});

describe('The key "__proto__"', () => {
  it.each([
    ['in the envelope', '{"__proto__":{"id":9,"method":"x"},"jsonrpc":"2.0","method":"m"}'],
    ['in params', '{"jsonrpc":"2.0","method":"m","params":{"__proto__":{"requestId":9}}}'],
  ])('means nothing %s', (_where, text) => {
    expect(readMessage(Bytes.from(text), clientLimits)).toEqual(aNotification('m'));
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', '__proto__'])('and "%s" name no member', (key) => {
    expect(kinds(inMeta(`"${key}":1`)).client).toBe('request');
  });
});

describe('Members', () => {
  const shuffledMembers = (members: readonly string[]): fc.Arbitrary<string[]> =>
    fc.shuffledSubarray([...members], { minLength: members.length, maxLength: members.length });
  const blank = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
  const meta = shuffledMembers([
    '"progressToken":"p"',
    '"x":{"progressToken":"wrong"}',
    '"io.modelcontextprotocol/related-task":{"a":0,"taskId":"r","b":{"taskId":"wrong"}}',
  ]).map((members) => `"_meta":{${members.join()}}`);
  const params = fc
    .tuple(meta, fc.constantFrom('"task":{"ttl":1}', '"task":{}'))
    .chain(([metaText, task]) =>
      shuffledMembers([
        metaText,
        task,
        '"taskId":"t"',
        '"arguments":{"taskId":"wrong","_meta":{"progressToken":"wrong"},"id":"wrong"}',
        '"progressToken":"wrong"',
      ]),
    )
    .map((members) => `"params":{${members.join()}}`);
  const message = fc
    .tuple(params, blank, blank)
    .chain(([text, before, after]) =>
      fc.tuple(
        shuffledMembers(['"jsonrpc":"2.0"', '"id":"i"', '"method":"m"', text, '"x":{"id":"wrong","params":{}}']),
        fc.constant(before),
        fc.constant(after),
      ),
    )
    .map(([members, before, after]) => `${before}{${before}${members.join(`${after},${before}`)}${after}}${after}`);

  it('are found whatever their order and the blanks between them', () => {
    fc.assert(
      fc.property(message, (text) => {
        expect(readMessage(Bytes.from(text), clientLimits)).toMatchObject({
          kind: 'request',
          id: 'i',
          idText: '"i"',
          method: 'm',
          progressToken: 'p',
          isTask: true,
          taskId: 't',
          relatedTask: 'r',
        });
      }),
      { numRuns: 300 },
    );
  });

  it('of a notification', () => {
    const text =
      '{"jsonrpc":"2.0","method":"m","params":{"requestId":1.0,"progressToken":"p","_meta":{"progressToken":"no"}}}';
    expect(readMessage(Bytes.from(text), serverLimits)).toMatchObject({ requestId: 1, progressToken: 'p' });
  });

  it('of a response', () => {
    const text = '{"jsonrpc":"2.0","id":1,"result":{"x":{"protocolVersion":"no"},"protocolVersion":"2025-11-25"}}';
    expect(readMessage(Bytes.from(text), serverLimits)).toMatchObject({ protocolVersion: '2025-11-25' });
  });

  it.each([
    ['"task":true', false],
    ['"task":null', false],
    ['"task":[]', false],
    ['"task":{}', true],
  ])('make a task only when that is an object: %s', (member, isTask) => {
    expect(readMessage(Bytes.from(inParams(member)), clientLimits)).toMatchObject({ isTask });
  });
});
