import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import {
  clientLimits,
  isRefusal,
  readMessage,
  serverLimits,
  takeMessage,
  type Batch,
  type Envelope,
  type Refusal,
  type ResultFacts,
  type Spans,
} from '../../src/jsonrpc/message.ts';
import { Scanner } from '../../src/jsonrpc/scan.ts';

const read = (text: string): Envelope | Batch | Refusal => readMessage(Bytes.from(text), clientLimits);

/** The id of a request and its text. */
function ids(text: string): unknown[] {
  const envelope = read(text);
  return envelope.kind === 'request' ? [envelope.id, envelope.idText] : [envelope];
}

/** Where values stand is tested with what is done there: splice.test.ts. */
const spans = expect.anything() as unknown as Spans;
const absent = { progressToken: undefined, relatedTask: undefined, uri: undefined, level: undefined, spans };
const request = { kind: 'request', isTask: false, taskId: undefined, hasCursor: false, ...absent } as const;
const notification = { kind: 'notification', requestId: undefined, ...absent } as const;
const response = { kind: 'response', isError: false, protocolVersion: undefined, spans } as const;

/** A result that says nothing of itself. */
const plainResult = (at: number): ResultFacts => ({
  ...{ type: undefined, isToolError: false, taskId: undefined, at, metaAt: undefined },
  ...{ hasTtl: false, hasCacheScope: false, hasMeta: false, hasServerInfo: false },
});

const withId = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"m"}`;

describe('readMessage() reads', () => {
  it.each<[string, string, Envelope]>([
    [
      'a request',
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1]}}',
      { ...request, id: 1, idText: '1', method: 'm' },
    ],
    ['a request without params', withId('1'), { ...request, id: 1, idText: '1', method: 'm' }],
    ['a notification', '{"jsonrpc":"2.0","method":"m","params":{}}', { ...notification, method: 'm' }],
    ['a result', '{"jsonrpc":"2.0","id":"a","result":{"b":1}}', { ...response, id: 'a', result: plainResult(35) }],
    ['a result of null', '{"jsonrpc":"2.0","id":0,"result":null}', { ...response, id: 0 }],
    ['an error', '{"jsonrpc":"2.0","id":1,"error":{"code":1}}', { ...response, id: 1, isError: true, errorCode: 1 }],
    ['an error with the id null', '{"jsonrpc":"2.0","id":null,"error":{}}', { kind: 'stray-error' }],
    ['an error without an id', '{"jsonrpc":"2.0","error":{}}', { kind: 'stray-error' }],
    ['a message with spaces around it', ' \t{"jsonrpc":"2.0","method":"m"} \r', { ...notification, method: 'm' }],
  ])('%s', (_what, text, envelope) => {
    expect(read(text)).toEqual(envelope);
  });
});

describe('readMessage() refuses', () => {
  const malformed = 'wanted one JSON text';
  const version = 'wanted "jsonrpc": "2.0"';
  const id = 'wanted "id" to be a text of at most 1024 characters or an integer';
  const answer = 'wanted "method", or one of "result" and "error"';
  it.each<[string, string, Refusal['kind'], string]>([
    ['nothing', '', 'malformed', malformed],
    ['spaces', '  ', 'malformed', malformed],
    ['half a message', '{"jsonrpc":"2.0"', 'malformed', malformed],
    ['two messages', `${withId('1')}${withId('2')}`, 'malformed', malformed],
    ['a comma too many', '{"jsonrpc":"2.0",}', 'malformed', malformed],
    ['a byte order mark', `\ufeff${withId('1')}`, 'malformed', malformed],
    ['NaN', withId('NaN'), 'malformed', malformed],
    ['an empty batch', '[]', 'invalid', 'got an empty array, wanted a message'],
    ['null', 'null', 'invalid', 'wanted an object'],
    ['a text', '"a"', 'invalid', 'wanted an object'],
    ['a number', '1', 'invalid', 'wanted an object'],
    ['no version', '{"id":1,"method":"m"}', 'invalid', version],
    ['version 1.0', '{"jsonrpc":"1.0","id":1,"method":"m"}', 'invalid', version],
    ['a version that is a number', '{"jsonrpc":2.0,"id":1,"method":"m"}', 'invalid', version],
    ['an empty method', '{"jsonrpc":"2.0","id":1,"method":""}', 'invalid', 'wanted "method" to be a text'],
    ['a method of null', '{"jsonrpc":"2.0","id":1,"method":null}', 'invalid', 'wanted "method" to be a text'],
    [
      'a list of params',
      '{"jsonrpc":"2.0","id":1,"method":"m","params":[]}',
      'invalid',
      'wanted "params" to be an object',
    ],
    [
      'params of null',
      '{"jsonrpc":"2.0","id":1,"method":"m","params":null}',
      'invalid',
      'wanted "params" to be an object',
    ],
    [
      'a method and a result',
      '{"jsonrpc":"2.0","id":1,"method":"m","result":1}',
      'invalid',
      'got "method" together with "result" or "error"',
    ],
    [
      'a method and an error',
      '{"jsonrpc":"2.0","method":"m","error":{}}',
      'invalid',
      'got "method" together with "result" or "error"',
    ],
    ['an id of null', withId('null'), 'invalid', id],
    ['an id with a fraction', withId('1.5'), 'invalid', id],
    ['an id beyond all numbers', withId('1e999'), 'invalid', id],
    ['an id of true', withId('true'), 'invalid', id],
    ['an id that is a list', withId('[1]'), 'invalid', id],
    ['an id that is an object', withId('{"id":1}'), 'invalid', id],
    ['a result without an id', '{"jsonrpc":"2.0","result":1}', 'invalid', id],
    ['a result with the id null', '{"jsonrpc":"2.0","id":null,"result":1}', 'invalid', id],
    ['an error with a bad id', '{"jsonrpc":"2.0","id":[],"error":{}}', 'invalid', id],
    ['neither method nor answer', '{"jsonrpc":"2.0","id":1}', 'invalid', answer],
    ['a result and an error', '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}', 'invalid', answer],
    ['an error that is a text', '{"jsonrpc":"2.0","id":1,"error":"x"}', 'invalid', 'wanted "error" to be an object'],
    ['an error of null', '{"jsonrpc":"2.0","id":1,"error":null}', 'invalid', 'wanted "error" to be an object'],
    ['what only a prototype says', '{"__proto__":{"jsonrpc":"2.0","method":"m"}}', 'invalid', version],
  ])('%s', (_what, text, kind, reason) => {
    expect(read(text)).toMatchObject({ kind, reason });
  });

  it('what is not UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('{"jsonrpc":"2.0","method":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(readMessage(Bytes.of(bytes), clientLimits)).toMatchObject({ kind: 'malformed', reason: 'wanted UTF-8' });
  });
});

describe('readMessage() keeps an id', () => {
  it.each<[string, unknown]>([
    ['0', 0],
    ['-0', -0],
    ['-1', -1],
    ['1.0', 1],
    ['1e2', 100],
    ['1E+2', 100],
    ['10.00e-1', 1],
    ['9007199254740993', 9007199254740992],
    ['-9007199254740993', -9007199254740992],
    ['123456789012345678901234567890', 1.2345678901234568e29],
    ['""', ''],
    ['"1"', '1'],
    ['"1.0"', '1.0'],
    ['"null"', 'null'],
    ['"a\\"b\\\\"', 'a"b\\'],
    ['"}"', '}'],
    ['"é€😀"', 'é€😀'],
  ])('as it was written: %s', (text, id) => {
    expect(ids(withId(text))).toEqual([id, text]);
  });

  it.each([
    ['before the rest', '{"id":1.0,"jsonrpc":"2.0","method":"m"}'],
    ['after params with ids in them', '{"jsonrpc":"2.0","method":"m","params":{"id":2,"a":[{"id":3}]},"id":1.0}'],
    ['before params with ids in them', '{"jsonrpc":"2.0","method":"m","id":1.0,"params":{"id":2,"a":[{"id":3}]}}'],
    ['with spaces around it', '{ "jsonrpc" : "2.0" , "id"\t:\r\n 1.0 , "method" : "m" }'],
    ['at the end, with a space', '{"jsonrpc":"2.0","method":"m","id":1.0 }'],
    ['next to a value "id"', '{"jsonrpc":"2.0","method":"id","id":1.0}'],
    ['next to a value "id" at the end', '{"jsonrpc":"2.0","id":1.0,"method":"id"}'],
    ['next to a list of ids', '{"jsonrpc":"2.0","x":["id",2],"id":1.0,"method":"m","y":["id",3]}'],
    ['next to a text that looks like a message', '{"jsonrpc":"2.0","id":1.0,"method":"m","x":",\\"id\\":2,"}'],
    [
      'next to a text that ends in a backslash',
      '{"jsonrpc":"2.0","x":"\\\\","id":1.0,"method":"m","y":"\\\\\\"id\\":3"}',
    ],
    ['next to braces in texts', '{"jsonrpc":"2.0","x":"}{[","id":1.0,"method":"m","y":"{\\"id\\":3"}'],
    ['next to keys that end in id', '{"jsonrpc":"2.0","id":1.0,"method":"m","xid":2,"\\"id":3}'],
    ['next to an empty key', '{"":2,"jsonrpc":"2.0","id":1.0,"method":"m"}'],
  ])('%s', (_where, text) => {
    expect(ids(text)).toEqual([1, '1.0']);
  });

  it('under an escaped key', () => {
    expect(ids('{"jsonrpc":"2.0","\\u0069d":5.0,"method":"m"}')).toEqual([5, '5.0']);
  });
});

describe('readMessage(), for an id at its bound,', () => {
  it.each([
    ['1,024 characters', 'x'.repeat(1024)],
    ['1,024 characters of three bytes', '€'.repeat(1024)],
    ['1,024 escaped characters', '\\u0041'.repeat(1024)],
    ['512 characters of two units', '😀'.repeat(512)],
  ])('keeps %s', (_what, text) => {
    expect(ids(withId(`"${text}"`))[1]).toBe(`"${text}"`);
  });

  it.each([
    ['1,025 characters', 'x'.repeat(1025)],
    ['1,025 characters of three bytes', '€'.repeat(1025)],
    ['1,025 escaped characters', '\\u0041'.repeat(1025)],
    ['513 characters of two units', '😀'.repeat(513)],
    ['a million', 'x'.repeat(1_000_000)],
  ])('refuses %s', (_what, text) => {
    expect(read(withId(`"${text}"`))).toMatchObject({ kind: 'invalid', idText: 'null' });
  });

  it('refuses a number of so many digits', () => {
    expect(read(withId('1'.repeat(100_000)))).toMatchObject({ kind: 'invalid', idText: 'null' });
  });
});

describe('readMessage(), for a batch,', () => {
  it('gives its elements, each with its bytes', () => {
    const batch = read(` [ ${withId('1.0')} ,{"a":[1]}, 7 ] `);
    const elements = batch.kind === 'batch' ? batch.elements.map(String) : batch;
    expect(elements).toEqual([withId('1.0'), '{"a":[1]}', '7']);
  });

  it('refuses one that is no JSON', () => {
    expect(read(`[${withId('1')},]`)).toMatchObject({ kind: 'malformed', idText: 'null' });
  });

  it('gives elements that span pieces', () => {
    const padding = Buffer.alloc(1024 * 1024, ' ');
    const halves = [Buffer.from(`[${withId('1.0').slice(0, -1)}`), padding, Buffer.from(`},${withId('2')}]`)];
    const bytes = new Bytes(
      halves,
      halves.reduce((sum, { length }) => sum + length, 0),
    );
    const batch = readMessage(bytes, clientLimits);
    const elements = batch.kind === 'batch' ? batch.elements.map((element) => String(element).replace(/ +/, '')) : [];
    expect(elements).toEqual([withId('1.0'), withId('2')]);
  });
});

describe('readMessage() reads a progress token', () => {
  const withMeta = (meta: string): unknown => {
    const envelope = read(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":${meta}}}`);
    return envelope.kind === 'request' ? envelope.progressToken : envelope;
  };
  it.each<[string, unknown]>([
    ['{"progressToken":0}', 0],
    ['{"progressToken":""}', ''],
    ['{"progressToken":"a"}', 'a'],
    ['{"progressToken":null}', undefined],
    ['{"progressToken":1.5}', undefined],
    ['{"progressToken":[1]}', undefined],
    ['{}', undefined],
    ['null', undefined],
    ['[]', undefined],
    ['"progressToken"', undefined],
  ])('from %s', (meta, token) => {
    expect(withMeta(meta)).toBe(token);
  });
});

describe('readMessage() never throws', () => {
  it('on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => readMessage(Bytes.of(Buffer.from(bytes)), clientLimits)).not.toThrow();
      }),
    );
  });

  it('on any JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => read(text)).not.toThrow();
      }),
    );
  });

  it('on any member of a message', () => {
    const member = fc.constantFrom('id', 'method', 'params', 'result', 'error', '__proto__', 'constructor');
    const message = fc.dictionary(member, fc.jsonValue());
    fc.assert(
      fc.property(message, (members) => {
        expect(() => read(JSON.stringify({ jsonrpc: '2.0', ...members }))).not.toThrow();
      }),
    );
  });

  it('on lists in lists without end', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const bytes = Bytes.from(`{"jsonrpc":"2.0","x":${deep},"method":"m","id":1.0}`);
    expect(readMessage(bytes, serverLimits)).toMatchObject({ idText: '1.0' });
  });

  it('on any request, and finds its id digit for digit', () => {
    const params = fc.dictionary(fc.string(), fc.jsonValue());
    const idText = fc.constantFrom('1.0', '1e2', '-0', '9007199254740993', '0');
    fc.assert(
      fc.property(params, idText, fc.boolean(), fc.string({ minLength: 1 }), (bag, text, isFirst, method) => {
        const rest = `"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${JSON.stringify({ id: bag, arguments: bag })}`;
        expect(read(isFirst ? `{"id":${text},${rest}}` : `{${rest},"id":${text}}`)).toMatchObject({ idText: text });
      }),
    );
  });
});

describe('readMessage(), for what is no message,', () => {
  const long = 'x'.repeat(40);

  it.each<[string, string]>([
    ['an id that is cut off', '{"jsonrpc":"2.0","id":"ab'],
    ['an id that is cut off after a backslash', '{"jsonrpc":"2.0","id":"ab\\'],
    ['a number for id that is cut off', '{"jsonrpc":"2.0","id":12'],
    ['a number for id that is none', '{"jsonrpc":"2.0","id":01}'],
    ['a bad escape in the id', '{"jsonrpc":"2.0","id":"a\\x"}'],
    ['a control character in the id', '{"jsonrpc":"2.0","id":"a\tb"}'],
    ['a control character far in the id', `{"jsonrpc":"2.0","id":"${long}\t${long}"}`],
    ['a control character far in an id with an escape', `{"jsonrpc":"2.0","id":"${long}\t\\n${long}"}`],
  ])('does not take for its id: %s', (_what, text) => {
    const reads = [clientLimits, serverLimits].map((limits) => readMessage(Bytes.from(text), limits));
    expect(reads).toMatchObject([
      { kind: 'malformed', idText: 'null', answers: undefined },
      { kind: 'malformed', idText: 'null', answers: undefined },
    ]);
  });

  it('does not take for its id what stood there in the message before', () => {
    const scanner = new Scanner(serverLimits);
    const read = (text: string): Envelope | Batch | Refusal => {
      scanner.reset();
      scanner.push(Buffer.from(text));
      return takeMessage(scanner, Bytes.from(text));
    };
    read('{"jsonrpc":"2.0","id":"abcdefghijkl","result":1}');
    expect(read('{"result":1,"jsonrpc":"2.0","id":"ab\\')).toMatchObject({ idText: 'null', answers: undefined });
  });

  it.each<[string, string, unknown, string]>([
    ['a result that is no JSON', '{"jsonrpc":"2.0","id":7.0,"result":nope}', 7, 'null'],
    ['a result that is cut off', '{"jsonrpc":"2.0","id":"a","result":{"b":1', 'a', 'null'],
    ['an error that is a text', '{"jsonrpc":"2.0","id":1,"error":"x"}', 1, '1'],
    ['a result and an error', '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}', 1, '1'],
    ['an answer of another version', '{"jsonrpc":"1.0","id":1,"result":1}', 1, '1'],
    ['a result without an id', '{"jsonrpc":"2.0","result":nope}', undefined, 'null'],
    ['a result before its id', '{"jsonrpc":"2.0","result":nope,"id":1}', undefined, 'null'],
    ['a request', '{"jsonrpc":"2.0","id":5,"method":"m","params":nope}', undefined, 'null'],
    ['a request with a result', '{"jsonrpc":"2.0","id":5,"method":"m","result":1}', undefined, '5'],
    ['an id alone', '{"jsonrpc":"2.0","id":5}', undefined, '5'],
  ])('says whose answer it was to be: %s', (_what, text, answers, idText) => {
    expect(readMessage(Bytes.from(text), serverLimits)).toMatchObject({ answers, idText });
  });
});

describe('isRefusal()', () => {
  it.each([
    ['a malformed text', '{', true],
    ['an invalid message', '{}', true],
    ['a request', withId('1'), false],
    ['a stray error', '{"jsonrpc":"2.0","error":{}}', false],
  ])('knows %s', (_what, text, refused) => {
    expect(isRefusal(read(text))).toBe(refused);
  });
});

describe('readMessage(), for an id of more than 1,024 characters,', () => {
  it('refuses', () => {
    expect(read(withId(JSON.stringify('x'.repeat(1025))))).toMatchObject({
      kind: 'invalid',
      reason: 'wanted "id" to be a text of at most 1024 characters or an integer',
    });
  });
});

describe('readMessage() reads of revision 2026-07-28', () => {
  const meta = (members: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"n","_meta":{${members}}}}`;
  const prefix = 'io.modelcontextprotocol/';

  it('what a request says of itself', () => {
    const text = meta(
      `"${prefix}protocolVersion":"2026-07-28","${prefix}clientCapabilities":{"roots":{}},"${prefix}logLevel":"info"`,
    );
    expect(read(text)).toMatchObject({
      claim: { revision: '2026-07-28', abilities: { roots: true, sampling: false }, logLevel: 'info', name: 'n' },
    });
    expect(read(text)).toHaveProperty('claim.isRetry', false);
  });

  it('a revision that is no text, and capabilities that are no object', () => {
    expect(read(meta(`"${prefix}protocolVersion":1,"${prefix}clientCapabilities":[]`))).toMatchObject({
      claim: { revision: undefined, abilities: undefined },
    });
  });

  it.each([
    ['{}', { roots: false, sampling: false, samplingTools: false, form: false, url: false }],
    ['{"elicitation":{}}', { form: true, url: false }],
    ['{"elicitation":{"url":{}}}', { form: false, url: true }],
    ['{"elicitation":{"form":{},"url":{}}}', { form: true, url: true }],
    ['{"sampling":{"tools":{}},"roots":{}}', { roots: true, sampling: true, samplingTools: true, form: false }],
  ])('what a client can be asked that says %s', (capabilities, abilities) => {
    const text = meta(`"${prefix}protocolVersion":"2026-07-28","${prefix}clientCapabilities":${capabilities}`);
    expect(read(text)).toMatchObject({ claim: { abilities } });
  });

  it.each(['"requestState":"s"', '"inputResponses":{}'])('a retry by its %s', (member) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"m","params":{${member},"_meta":{"${prefix}protocolVersion":"x"}}}`;
    expect(read(text)).toMatchObject({ claim: { isRetry: true } });
  });

  it('no claim where there is none', () => {
    expect(read(meta('"progressToken":1'))).toHaveProperty('claim', undefined);
  });

  it('the subscription of a notification and of a result, with its type', () => {
    const notification = `{"jsonrpc":"2.0","method":"m","params":{"_meta":{"${prefix}subscriptionId":"7"}}}`;
    expect(read(notification)).toMatchObject({ subscriptionId: '7', spans: { subscriptionId: [90, 93] } });
    const result = `{"jsonrpc":"2.0","id":7,"result":{"_meta":{"${prefix}subscriptionId":7}}}`;
    expect(read(result)).toMatchObject({ spans: { subscriptionId: [84, 85] } });
  });

  it('the task that a notification tells of', () => {
    const text = '{"jsonrpc":"2.0","method":"m","params":{"taskId":"t","status":"working"}}';
    expect(read(text)).toMatchObject({ taskId: 't', taskStatus: 'working' });
  });

  it('what there is in a result', () => {
    const members = `"resultType":"task","taskId":"t","status":"s","isError":true,"ttlMs":1,"cacheScope":"public"`;
    expect(read(`{"jsonrpc":"2.0","id":7,"result":{"_meta":{"${prefix}serverInfo":{}},${members}}}`)).toMatchObject({
      result: {
        ...{ type: 'task', taskId: 't', isToolError: true, hasTtl: true, hasCacheScope: true, hasServerInfo: true },
        ...{ at: 33, metaAt: 42, taskStatus: 's', ttlMs: 1 },
      },
    });
  });
});
