import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { childrenOf, residentBytes } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(20_000);

const capBytes = 1024 * 1024;
const listen = {
  maxBodyBytes: '1m',
  sse: true,
  allowedHosts: ['gangway.example'],
  allowedOrigins: ['https://app.example.com'],
};

let bridge: Program;
let port: number;
/** The one session there is: whatever is wrong with what it sends, its server must not get it. */
let session: RawSession;
/** Connections that send their headers slowly; they are looked at last. */
let slow: Promise<Slow[]>;

beforeAll(async () => {
  // The one time that Gangway itself asks this server something is at the beginning.
  const servers = { record: { command: fixture('keeps-a-record'), pool: { warm: 0 }, pingInterval: '1h' } };
  bridge = await serve({ listen, servers }, { args: ['--allow-process'] });
  port = Number(new URL(bridge.url).port);
  session = await RawSession.open(bridge.url, 'record');
  await until('the ping', async () => (await reached()).some((line) => line.includes('"ping"')));
  slow = Promise.all(Array.from({ length: 200 }, sendSlowly));
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

afterEach(async () => {
  expect(await reached()).toEqual([]);
  expect([(await bridge.status()).sessions, childrenOf(bridge.pid).length]).toEqual([1, 1]);
  expect(bridge.stderr.filter((line) => /"level":(50|60)|"INTERNAL"|warning/i.test(line))).toEqual([]);
});

/** What the server got since the last look. */
async function reached(): Promise<string[]> {
  const answer = await session.call('heard', {}, { id: 'what did you hear?' });
  const lines = JSON.parse(textOf(answer.message?.result)) as string[];
  return lines.slice(0, -1);
}

interface Slow {
  readonly answer: string;
  readonly ms: number;
}

async function sendSlowly(): Promise<Slow> {
  const socket = connect({ host: '127.0.0.1', port });
  const trickle = setInterval(() => socket.write('x'), 500);
  const { ms, result } = await timed(() => {
    socket.write('POST /record/mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    return everything(socket);
  });
  clearInterval(trickle);
  return { answer: result, ms };
}

/** All that comes until the connection is closed. */
function everything(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

/** Sends bytes as they are; resolves with all that came back once the connection is closed. */
function raw(...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(Buffer.concat(parts.map((part) => (typeof part === 'string' ? filled(part) : part))));
  return everything(socket);
}

/** Stands for the session's id, which is not known yet when tables are made. */
const sessionPlace = 'SESSION-ID';

function filled(text: string): Buffer {
  return Buffer.from(text.replaceAll(sessionPlace, session.id));
}

/** The head of a POST in the session; every line but the first can be replaced by one of `lines`. */
function head(...lines: string[]): string {
  const names = new Set(lines.map((line) => line.split(':', 1)[0]?.trim().toLowerCase()));
  const usual = Object.entries({
    Host: 'localhost',
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'Mcp-Session-Id': sessionPlace,
    Connection: 'close',
  }).filter(([name]) => !names.has(name.toLowerCase()));
  return ['POST /record/mcp HTTP/1.1', ...usual.map(([name, value]) => `${name}: ${value}`), ...lines, '', ''].join(
    '\r\n',
  );
}

function lengthOf(body: string | Buffer): string {
  return `Content-Length: ${Buffer.byteLength(body)}`;
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0);
}

const send = (body: string | Buffer): Promise<Answer> => post(session.url, body, { headers: session.headers });

function refusal({ status, message }: Answer): unknown[] {
  return [status, message?.error?.data?.gangway?.reason];
}

/** A call of `echo` with these arguments, as text. */
function echo(args: string, id = '1'): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":${args}}}`;
}

const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

describe('A body that is too large', () => {
  it('ends its connection on every route, framed or in chunks without end', async () => {
    const wanted = {
      '/record/mcp': 413,
      '/record/messages?sessionId=x': 404,
      '/nobody/mcp': 404,
      '/healthz': 405,
      '/nothing': 404,
    };
    const before = residentBytes(bridge.pid);
    const { ms, result } = await timed(() => Promise.all(Object.keys(wanted).flatMap(flood)));
    const statuses = Object.values(wanted);
    expect(result.map(statusOf)).toEqual(statuses.flatMap((status) => [status, status, status]));
    expect(ms).toBeLessThan(5000);
    expect(residentBytes(bridge.pid) - before).toBeLessThan(64 * capBytes);
  });

  it('is refused for its declared length, before any of it is sent', async () => {
    expect(await raw(head('Content-Length: 20000000'))).toMatch(/^HTTP\/1\.1 413 [^]*BODY_TOO_LARGE/);
  });

  it('is refused once 64 KiB more than the limit have come', async () => {
    const piece = Buffer.alloc(capBytes + 64 * 1024, ' ');
    const body = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece]);
    expect(await raw(head('Transfer-Encoding: chunked'), body)).toMatch(/^HTTP\/1\.1 413 [^]*BODY_TOO_LARGE/);
  });

  it('of just the limit is read', async () => {
    const body = echo(`{"text":""}`);
    const answer = await send(body.replace('""', `"${'x'.repeat(capBytes - body.length)}"`));
    expect(textOf(answer.message?.result)).toHaveLength(capBytes - body.length);
    expect(await reached()).toHaveLength(1);
  });
});

/** Sends 20 MB of a body that is framed, all of it or a part, and one in chunks until the connection is closed. */
function flood(path: string): Promise<string>[] {
  const start = head().replace('/record/mcp', path);
  const framed = start.replace('\r\n\r\n', '\r\nContent-Length: 20000000\r\n\r\n');
  const chunked = start.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n');
  const piece = Buffer.alloc(64 * 1024, ' ');
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
  return [pour(framed, piece, 305), pour(framed, piece, 10), pour(chunked, chunk, Infinity)];
}

/** Sends a head, and then a piece so many times or until the connection is closed. */
function pour(start: string, piece: Buffer, times: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  let left = times;
  const next = (): void => {
    left -= 1;
    if (left >= 0 && socket.writable) socket.write(piece, next);
  };
  socket.write(filled(start), next);
  return everything(socket);
}

describe('A body that is too complex', () => {
  const nested = (depth: number): string => echo(`{"text":"x","a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const keys = (count: number): string =>
    echo(`{"text":"x",${Array.from({ length: count - 1 }, (_, i) => `"k${i}":0`).join()}}`);
  const elements = (count: number): string => echo(`{"text":"x","a":[${'0,'.repeat(count - 1)}0]}`);

  it.each([
    ['5 000 levels that never close', '['.repeat(5000)],
    ['100 000 levels', '['.repeat(100_000)],
    ['5 000 levels of objects', '{"a":'.repeat(5000)],
    ['65 levels', nested(62)],
    ['arguments with 10 001 keys', keys(10_001)],
    ['arguments with 70 000 keys', keys(70_000)],
    ['an array of 200 001 elements', elements(200_001)],
  ])('(%s) is 400', async (_what, body) => {
    expect(refusal(await send(body))).toEqual([400, 'MESSAGE_TOO_COMPLEX']);
  });

  it.each([
    ['64 levels', nested(61)],
    ['10 000 keys', keys(10_000)],
    ['200 000 elements', elements(200_000)],
  ])('(%s) is none: it passes as it is', async (_what, body) => {
    expect(textOf((await send(body)).message?.result)).toBe('x');
    expect(await reached()).toEqual([body]);
  });
});

describe('A body that is no JSON text in UTF-8', () => {
  const bytes = (...parts: (string | number[])[]): Buffer =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
  const textWith = (...inner: number[]): Buffer => bytes('{"jsonrpc":"2.0","id":1,"method":"', inner, '"}');

  it.each([
    ['nothing', bytes('')],
    ['blanks', bytes(' \n ')],
    ['a byte order mark', bytes([0xef, 0xbb, 0xbf], ping)],
    ['UTF-16', Buffer.from(ping, 'utf16le')],
    ['a NUL before it', bytes('\0', ping)],
    ['a NUL after it', bytes(ping, '\0')],
    ['a NUL in a text', textWith(0)],
    ['a line feed in a text', textWith(10)],
    ['a byte that begins nothing', textWith(0xff)],
    ['a byte that continues nothing', textWith(0x80)],
    ['half a character', textWith(0xe2, 0x82)],
    ['a character longer than need be', textWith(0xc0, 0xaf)],
    ['a high surrogate', textWith(0xed, 0xa0, 0x80)],
    ['a low surrogate', textWith(0xed, 0xbf, 0xbf)],
    ['a pair of surrogates', textWith(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80)],
    ['a character beyond the last', textWith(0xf4, 0x90, 0x80, 0x80)],
    ['two texts', bytes(ping, ping)],
    ['a comma too many', bytes('{"jsonrpc":"2.0","id":1,"method":"ping",}')],
    ['single quotes', bytes(ping.replaceAll('"', "'"))],
    ['a comment', bytes(ping, '//')],
    ['a number with a leading zero', bytes('{"jsonrpc":"2.0","id":01,"method":"ping"}')],
    ['NaN', bytes(echo('{"text":NaN}'))],
    ['an escape that is none', bytes(echo('{"text":"\\x41"}'))],
    ['half an escape', bytes(echo('{"text":"\\u12"}'))],
  ])('(%s) is 400', async (_what, body) => {
    expect(refusal(await send(body))).toEqual([400, 'BODY_MALFORMED']);
  });

  it('(cut off anywhere) is 400', async () => {
    const whole = echo('{"text":"\\u00e9 é 12.5e3"}', '"an id"');
    const statuses = await Promise.all(
      Array.from({ length: Buffer.byteLength(whole) }, async (_, length) => {
        return (await send(Buffer.from(whole).subarray(0, length))).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([400]));
  });

  it('(a message with one byte changed) never reaches the server, and never is 500', async () => {
    const whole = Buffer.from(echo('{"text":"é𝄞\\ud83d\\ude00","n":[1,-0.5e-3,null,true]}'));
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(change, async ([at, byte]) => {
        const body = Buffer.from(whole);
        body[at] = byte;
        const { status } = await send(body);
        expect(isJson(body) ? [200, 202, 400] : [400]).toContain(status);
      }),
      { numRuns: 300 },
    );
    for (const line of await reached()) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });

  it.each([
    ['a lone surrogate that is escaped', '{"text":"x","a":"\\ud800","\\udfff":"\\uDC00\\ud800"}'],
    ['a number that is too large for most', '{"text":"x","a":[1e999,-1E+400,123456789012345678901234567890.10]}'],
    ['keys of prototypes', '{"text":"x","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'],
    ['keys twice', '{"text":"x","a":1,"a":2,"A":3}'],
    ['separators of lines', '{"text":"x","a":"\u2028\u2029\u0085\\r\\n"}'],
    ['needless escapes and blanks', '{ "text" :\t"\\u0078" , "\\/" : "\\/" }'],
  ])('(%s) is not meant: in arguments it passes byte for byte', async (_what, args) => {
    const body = echo(args);
    expect(textOf((await send(body)).message?.result)).toBe('x');
    expect(await reached()).toEqual([body]);
  });
});

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}

describe('A message that two readers could read differently', () => {
  const message = (members: string): string => `{"jsonrpc":"2.0",${members}}`;
  const inParams = (members: string): string => message(`"id":1,"method":"tools/call","params":{${members}}`);

  it.each([
    ['an id twice', message('"id":1,"id":2,"method":"ping"')],
    ['a method twice', message('"id":1,"method":"ping","method":"tools/list"')],
    ['a method in other letters', message('"id":1,"method":"ping","METHOD":"tools/call"')],
    ['a method only in other letters', message('"id":1,"Method":"ping"')],
    ['a method twice, once escaped', message('"id":1,"method":"ping","\\u006dethod":"tools/call"')],
    ['a method with a NUL after it', message('"id":1,"method":"ping","method\\u0000":"tools/call"')],
    ['a long s', message('"id":1,"method":"ping","re\\u017fult":{}')],
    ['a Kelvin sign', inParams('"name":"echo","tas\\u212a":{},"task":{}')],
    ['params twice', message('"id":1,"method":"ping","params":{},"params":{"name":"echo"}')],
    ['a name twice', inParams('"name":"echo","name":"hold"')],
    ['a name in other letters', inParams('"name":"echo","Name":"hold"')],
    ['arguments twice', inParams('"name":"echo","arguments":{"text":"a"},"arguments":{"text":"b"}')],
    ['_meta twice', inParams('"name":"echo","_meta":{},"_meta":{"progressToken":1}')],
    ['_meta in other letters', inParams('"name":"echo","_META":{"progressToken":1}')],
    ['a progress token twice', inParams('"name":"echo","_meta":{"progressToken":1,"progressToken":2}')],
    ['a progress token in other letters', inParams('"name":"echo","_meta":{"progressToken":1,"progresstoken":2}')],
  ])('(%s) is 400', async (_what, body) => {
    expect(refusal(await send(body))).toEqual([400, 'MESSAGE_AMBIGUOUS']);
  });
});

describe('An origin', () => {
  const foreign = [
    'http://evil.example',
    'null',
    'http://localhost.evil.example',
    'http://localhost@evil.example',
    'http://user@localhost',
    'http://localhost.',
    'http://lоcalhost',
    'http://xn--lcalhost-s7i',
    'http://127.0.0.1.evil.example',
    'http://127.1',
    'http://localhost/path',
    'http://localhost http://evil.example',
    'https://app.example.com:8443',
    'http://app.example.com',
    'https://app.example.com.',
    'https://app.example.com.evil.example',
    'file://',
    'javascript:alert(1)',
  ];

  it('that is not allowed is refused on every route, before the body is read', async () => {
    const paths = ['/record/mcp', '/record/sse', '/record/messages?sessionId=x', '/status', '/nothing'];
    const knocks = foreign.flatMap((origin) => paths.map((path) => [origin, path] as const));
    const answers = await Promise.all(
      knocks.map(async ([origin, path]) => {
        const answer = await raw(head(`Origin: ${origin}`, 'Content-Length: 1000').replace('/record/mcp', path));
        return [origin, path, statusOf(answer), answer.includes('"ORIGIN_REFUSED"'), /access-control/i.test(answer)];
      }),
    );
    expect(answers).toEqual(knocks.map(([origin, path]) => [origin, path, 403, true, false]));
  });

  it.each(['https://app.example.com', 'http://localhost:5173', 'http://127.0.0.1', 'http://[::1]:80', ''])(
    '"%s" is let in, or none',
    async (origin) => {
      const origins = origin === '' ? [] : [`Origin: ${origin.replace(':80', ':8080')}`];
      expect(statusOf(await raw(head(...origins, lengthOf(ping)), ping))).toBe(200);
      expect(await reached()).toEqual([ping]);
    },
  );
});

describe('A host', () => {
  it.each([
    ['of another name', head('Host: evil.example', 'Content-Length: 0')],
    ['that begins like ours', head('Host: localhost.evil.example', 'Content-Length: 0')],
    ['with a user', head('Host: localhost@evil.example', 'Content-Length: 0')],
    ['with a path', head('Host: localhost/evil.example', 'Content-Length: 0')],
    ['without a name', head('Host:', 'Content-Length: 0')],
    ['with a port that is none', head('Host: localhost:x', 'Content-Length: 0')],
    ['behind a foreign one', head('Host: evil.example', 'X-Forwarded-Host: localhost', 'Forwarded: host=localhost')],
    ['in the target', head('Content-Length: 0').replace('/record', 'http://localhost/record')],
    ['in the target, foreign', head('Content-Length: 0').replace('/record', 'http://evil.example/record')],
    ['twice', head('Host: localhost', 'Host: localhost')],
    ['twice, the second foreign', head('Host: localhost', 'Host: evil.example')],
    ['missing', head().replace(/Host: .*\r\n/, '')],
    ['missing in HTTP/0.9', 'GET /record/mcp\r\n\r\n'],
  ])('%s is refused', async (_what, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 (403 [^]*"reason":"HOST_REFUSED"|400 )/);
  });

  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:8808', 'gangway.example', 'gangway.example:443'])(
    '%s is let in',
    async (host) => {
      expect(statusOf(await raw(head(`Host: ${host}`, 'X-Forwarded-Host: evil.example', lengthOf(ping)), ping))).toBe(
        200,
      );
      expect(await reached()).toEqual([ping]);
    },
  );
});

describe('A body of the wrong kind', () => {
  const bomb = gzipSync(Buffer.alloc(10 * capBytes, ' '));

  it.each([
    ['Content-Type: text/plain', ping],
    ['Content-Type: application/x-www-form-urlencoded', ping],
    ['Content-Type: multipart/form-data; boundary=x', ping],
    ['Content-Type: text/plain; application/json', ping],
    ['Content-Type: application/json, text/plain', ping],
    ['Content-Type: application/jsonp', ping],
    ['Content-Type: application/json; charset=utf-16', ping],
    ['Content-Type: application/json; charset=latin1', ping],
    ['Content-Type:', ping],
    ['Content-Encoding: gzip', bomb],
    ['Content-Encoding: br', ping],
    ['Content-Encoding: identity, gzip', bomb],
  ])('(%s) is 415', async (line, body) => {
    expect(statusOf(await raw(head(line, lengthOf(body)), body))).toBe(415);
  });

  it('(without a type) is 415', async () => {
    const text = head(lengthOf(ping)).replace(/Content-Type: .*\r\n/, '');
    expect(statusOf(await raw(text, ping))).toBe(415);
  });

  it.each([
    'Content-Type: Application/JSON',
    'Content-Type: application/json;charset="UTF-8"',
    'Content-Encoding: identity',
  ])('(%s) is none', async (line) => {
    expect(statusOf(await raw(head(line, lengthOf(ping)), ping))).toBe(200);
    expect(await reached()).toEqual([ping]);
  });

  it.each([
    'Accept: application/json',
    'Accept: text/event-stream',
    'Accept: text/html',
    'Accept: application/json, text/event-stream;q=0',
    'Accept: application/jsonx, text/event-stream',
    'Accept:',
  ])('(for a client with %s) is 406', async (line) => {
    expect(statusOf(await raw(head(line, lengthOf(ping)), ping))).toBe(406);
  });
});

describe('A request that hides another one', () => {
  const hidden = head(lengthOf(ping)) + ping;

  it.each([
    ['a length and chunks', `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${hidden}`],
    ['two lengths', head('Content-Length: 1', `Content-Length: ${hidden.length}`) + hidden],
    ['two lengths in one', head('Content-Length: 1, 500') + hidden],
    ['a signed length', head('Content-Length: +1') + hidden],
    ['a negative length', head('Content-Length: -1') + hidden],
    ['a length in hex', head('Content-Length: 0x10') + hidden],
    ['chunks that are not the last coding', `${head('Transfer-Encoding: chunked, identity')}0\r\n\r\n${hidden}`],
    ['an unknown coding', `${head('Transfer-Encoding: xchunked')}0\r\n\r\n${hidden}`],
    ['a coding with a tab', `${head('Transfer-Encoding:\x0bchunked')}0\r\n\r\n${hidden}`],
    ['a chunk size that is none', `${head('Transfer-Encoding: chunked')}0x1\r\n\r\n${hidden}`],
    ['a chunk longer than it says', `${head('Transfer-Encoding: chunked')}1\r\nxx\r\n0\r\n\r\n${hidden}`],
    ['a folded header', `${head('X: a\r\n Content-Length: 0')}${hidden}`],
    ['a header that ends in LF alone', head('X: a\nContent-Length: 0') + hidden],
    ['a header with CR in it', head('X: a\rContent-Length: 0') + hidden],
    ['a space before the colon', head('Content-Length : 5') + hidden],
    ['a header without a name', head(': 5') + hidden],
    ['a NUL in a header', head('X: a\0b') + hidden],
    ['LF instead of CR LF', head('Content-Length: 0').replaceAll('\r\n', '\n') + hidden],
    ['a version that is none', head().replace('HTTP/1.1', 'HTTP/1.9') + hidden],
  ])('(%s) is 400 and closed, and nothing of it is served', async (_what, text) => {
    const answer = await raw(text);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('(pipelined) finds its connection cut, and is not served', async () => {
    const alive = (id: string): string =>
      head(lengthOf(echo('{"text":"x"}', id)), 'Connection: keep-alive') + echo('{"text":"x"}', id);
    const answer = await raw(alive('"first"'), alive('"second"'));
    expect(answer).not.toContain('"second"');
    expect((await reached()).join()).not.toContain('"second"');
  });

  it('(in a name) puts nothing into our headers', async () => {
    const text = head('Content-Length: 0').replace('/record/', '/record%0d%0aX-Injected:%201/');
    const answer = await raw(text);
    expect([statusOf(answer), /injected/i.test(answer)]).toEqual([404, false]);
  });
});

describe('A head that is too large', () => {
  it.each([
    ['16 KiB in one header', 'x'.repeat(16 * 1024), '/record/mcp'],
    ['2 000 headers', Array.from({ length: 2000 }, (_, i) => `v\r\nX-Header-${i}: v`).join(''), '/record/mcp'],
    ['a URL of 20 KB', 'v', `/record/mcp?${'x'.repeat(20_000)}`],
  ])('(%s) is 431 and closed', async (_what, value, path) => {
    expect(await raw(head(`X: ${value}`).replace('/record/mcp', path))).toMatch(
      /^HTTP\/1\.1 431 [^]*HEADERS_TOO_LARGE/,
    );
  });

  it.each([['Host: evil.example'], ['Origin: null'], ['X: y']])(
    '(thousands of tiny headers) hides none: before %s, it is 431',
    async (line) => {
      const padding = Array.from({ length: 2000 }, () => 'a:');
      const text = head('Host: localhost', lengthOf(ping), ...padding, line);
      expect(await raw(text, ping)).toMatch(/^HTTP\/1\.1 431 [^]*HEADERS_TOO_LARGE/);
    },
  );

  it('has its limit at 200 headers', async () => {
    const usual = head(lengthOf(ping)).split('\r\n').length - 3;
    const padding = (count: number): string[] => Array.from({ length: count - usual }, () => 'a:');
    const answers = await Promise.all([200, 201].map((count) => raw(head(lengthOf(ping), ...padding(count)), ping)));
    expect(answers.map(statusOf)).toEqual([200, 431]);
    expect(await reached()).toEqual([ping]);
  });
});

describe('A path', () => {
  it.each([
    `/${'x'.repeat(8000)}/mcp`,
    '/record%00/mcp',
    '/record/../record/mcp',
    '/./record/mcp',
    '/x/../record/mcp',
    '//record/mcp',
    '/record//mcp',
    '/record%2fmcp',
    '/record%2Fmcp/mcp',
    '/%72ecord/mcp',
    '/record\\mcp',
    '/record/mcp/..',
    '/record/mcp%20',
    '/RECORD/mcp',
    '/constructor/mcp',
    '/__proto__/mcp',
    '/record/mcp;a=b',
    '/record/mcp#x',
  ])('%s is 404', async (path) => {
    const answer = await raw(head(lengthOf(ping)).replace('/record/mcp', path), ping);
    expect([statusOf(answer), answer.includes(path)]).toEqual([404, false]);
  });

  it('is not a header: one named "__proto__" is nothing', async () => {
    expect(statusOf(await raw(head('__proto__: x', 'constructor: y', lengthOf(ping)), ping))).toBe(200);
    expect(await reached()).toEqual([ping]);
  });
});

describe('A method', () => {
  it.each(['HEAD', 'PUT', 'PATCH', 'TRACE', 'PROPFIND'])('%s is 405 and learns which are served', async (method) => {
    const answer = await raw(head().replace('POST', method));
    expect(answer).toMatch(/^HTTP\/1\.1 405 [^]*\r\nAllow: GET, POST, DELETE, OPTIONS\r\n/);
  });

  it.each([
    ['CONNECT', 'CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['an upgrade to websocket', 'Upgrade: websocket\r\nConnection: Upgrade'],
    ['an upgrade to h2c', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings'],
  ])('(%s) finds its connection closed without an answer', async (_what, lines) => {
    expect(await raw(lines.startsWith('CONNECT') ? lines : head(...lines.split('\r\n'), lengthOf(ping)), ping)).toBe(
      '',
    );
  });

  it.each([
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown one', head().replace('POST', 'FETCH')],
    ['a small one', head().replace('POST', 'post')],
  ])('(%s) is 400 and closed', async (_what, text) => {
    expect(statusOf(await raw(text))).toBe(400);
  });
});

describe('A client that sends its headers slowly', () => {
  it('is cut within 12 s, and nobody else waits for it', async () => {
    let isOver = false;
    void slow.finally(() => {
      isOver = true;
    });
    const waits: number[] = [];
    const call = async (): Promise<boolean> => {
      const { ms, result } = await timed(() => session.call('echo', { text: 'alive' }));
      expect(textOf(result.message?.result)).toBe('alive');
      waits.push(ms);
      return isOver;
    };
    await until('the cut', call, { limitMs: 15_000, everyMs: 100 });
    await reached();
    const cut = await slow;
    expect(new Set(cut.map(({ answer }) => statusOf(answer)))).toEqual(new Set([408]));
    expect(Math.max(...cut.map(({ ms }) => ms))).toBeLessThan(13_000);
    expect(Math.min(...cut.map(({ ms }) => ms))).toBeGreaterThan(9000);
    expect(Math.max(...waits)).toBeLessThan(1000);
  });
});
