import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { ByteClient, eventsOf, splitEvents, type ByteAnswer, type ByteEvent } from '../support/byte-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { piecesOf, rawIds, rawJson, spaceOf } from '../support/raw-json.ts';

jest.setTimeout(60_000);

/** The server reads lines, so a line break between two tokens of a client cannot stay one: it becomes a space. */
const clientBlanks = fc.constantFrom(' ', '\t', '\n', '\r', '\r\n', '   ');
/** A server's line can have a CR between two tokens; in an event it would end the line, so it becomes a space too. */
const serverBlanks = fc.constantFrom(' ', '\t', '\r', '   ');
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const runs = { numRuns: 150 };

let bridge: Program;
/** Another bridge, for which the first one is a remote server. */
let far: Program;
let clients: Readonly<Record<'bridge' | 'far', ByteClient>>;
let client: ByteClient;

const ways = [
  ['through Gangway', 'bridge'],
  ['through two of them', 'far'],
] as const;

beforeAll(async () => {
  const pool = { warm: 0 };
  const config = { listen: { maxBodyBytes: '12m' }, servers: { raw: { command: fixture('raw'), pool } } };
  bridge = await serve(config, { args: ['--allow-process'] });
  far = await serve({ ...config, servers: { raw: { url: `${bridge.url}/raw/mcp` } } });
  const open = ({ url }: Program): Promise<ByteClient> =>
    ByteClient.open(url, 'raw', { capabilities: { sampling: {} } });
  clients = { bridge: await open(bridge), far: await open(far) };
});

afterAll(async () => {
  for (const each of Object.values(clients)) each[Symbol.dispose]();
  await far[Symbol.asyncDispose]();
  await bridge[Symbol.asyncDispose]();
});

/** A client's request: its members in any order, white space between them. */
const requests = (method: string): fc.Arbitrary<{ readonly id: string; readonly body: string }> =>
  fc
    .tuple(
      rawIds,
      rawJson(clientBlanks).value,
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      fc.array(spaceOf(clientBlanks), { minLength: 18, maxLength: 18 }),
    )
    .map(([id, value, order, blanks]) => {
      const blank = (): string => blanks.shift() ?? '';
      const params = `{${blank()}"arguments"${blank()}:${value}}`;
      const members = [
        `"jsonrpc"${blank()}:"2.0"`,
        `"id":${blank()}${id}`,
        `"method":"${method}"`,
        `"params":${params}`,
      ];
      const inOrder = order.map((i) => `${blank()}${members[i] ?? ''}${blank()}`).join(',');
      return { id, body: `${blank()}{${inOrder}}${blank()}` };
    });

/** The documented exception. Within a text there is no raw line break: it would not be JSON. */
function onOneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}

/** Latin-1, so that every byte is seen in what a failure shows, and none is decoded. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The messages of a stream: each event has one `data:` line, or none and no message. */
function messagesOf({ type, body }: ByteAnswer): string[] {
  expect(type).toBe('text/event-stream');
  const { events, rest } = splitEvents(body);
  expect(rest).toHaveLength(0);
  expect(events.map(({ data }) => data.length)).toEqual(events.map(() => 1));
  return events.flatMap(({ data }) => data.map((line) => line.toString('latin1'))).filter((line) => line !== '');
}

function documentOf({ status, type, body }: ByteAnswer): string {
  expect({ status, type }).toEqual({ status: 200, type: 'application/json' });
  return body.toString('latin1');
}

describe.each(ways)('A request, %s,', (_, way) => {
  beforeAll(() => {
    client = clients[way];
  });

  it('reaches the server as the bytes that the client wrote, and the result comes back so', async () => {
    await fc.assert(
      fc.asyncProperty(requests('received'), cuts, async ({ id, body }, places) => {
        const answer = await client.post(piecesOf(Buffer.from(body), places));
        expect(documentOf(answer)).toBe(bytesOf(`{"jsonrpc":"2.0","id":${id},"result":${onOneLine(body)}}`));
      }),
      runs,
    );
  });

  it('has the same bytes in an event stream, each message in one data line', async () => {
    await fc.assert(
      fc.asyncProperty(requests('received-noted'), cuts, async ({ id, body }, places) => {
        const answer = await client.post(piecesOf(Buffer.from(body), places));
        const line = onOneLine(body);
        expect(messagesOf(answer)).toEqual([
          bytesOf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${line}}}`),
          bytesOf(`{"jsonrpc":"2.0","id":${id},"result":${line}}`),
        ]);
      }),
      runs,
    );
  });

  it('has the same bytes in an error', async () => {
    await fc.assert(
      fc.asyncProperty(requests('received-wrong'), cuts, async ({ id, body }, places) => {
        const answer = await client.post(piecesOf(Buffer.from(body), places));
        const error = `{"code":-1,"message":"m","data":${onOneLine(body)}}`;
        expect(documentOf(answer)).toBe(bytesOf(`{"jsonrpc":"2.0","id":${id},"error":${error}}`));
      }),
      runs,
    );
  });

  it('gets its id back as it was written in an error of ours too', async () => {
    await fc.assert(
      fc.asyncProperty(rawIds, async (id) => {
        const body = `{"jsonrpc":"2.0","id":${id},"method":"ping"}`;
        const answer = await client.post(body, { 'Mcp-Session-Id': 'nobody' });
        expect(answer.status).toBe(404);
        expect(answer.body.toString('latin1')).toContain(bytesOf(`{"jsonrpc":"2.0","id":${id},"error":`));
      }),
      runs,
    );
  });
});

describe.each(ways)('What a server says, %s,', (_, way) => {
  beforeAll(() => {
    client = clients[way];
  });

  const json = rawJson(serverBlanks);
  const emit = (lines: readonly string[], id: string): Promise<ByteAnswer> => {
    const encoded = lines.map((line) => Buffer.from(line).toString('base64'));
    return client.post(`{"jsonrpc":"2.0","id":${id},"method":"emit","params":{"lines":${JSON.stringify(encoded)}}}`);
  };
  /** The members of an answer in any order, with white space around them. */
  const answers = fc
    .tuple(
      rawIds,
      fc.oneof(
        json.value.map((value) => `"result":${value}`),
        json.value.map((value) => `"error":{"code":-1,"message":"m","data":${value}}`),
      ),
      fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
      fc.array(spaceOf(serverBlanks), { minLength: 6, maxLength: 6 }),
    )
    .map(([id, outcome, order, blanks]) => {
      const members = ['"jsonrpc":"2.0"', `"id":${id}`, outcome];
      // A CR at the end of a line belongs to its end.
      const inOrder = order.map((i, n) => `${blanks[2 * n] ?? ''}${members[i] ?? ''}${blanks[2 * n + 1] ?? ''}`);
      return { id, line: `{${inOrder.join(',')}}` };
    });
  const notifications = json.object.map(
    (params) => `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${params}}}`,
  );

  it('comes as the bytes that it wrote: an answer alone', async () => {
    await fc.assert(
      fc.asyncProperty(answers, async ({ id, line }) => {
        expect(documentOf(await emit([line], id))).toBe(bytesOf(onOneLine(line)));
      }),
      runs,
    );
  });

  it('comes as the bytes that it wrote: notifications and an answer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(notifications, { minLength: 1, maxLength: 4 }),
        answers,
        async (notes, { id, line }) => {
          const answer = await emit([...notes, line], id);
          expect(messagesOf(answer)).toEqual([...notes, line].map((each) => bytesOf(onOneLine(each))));
        },
      ),
      runs,
    );
  });

  it('comes as the bytes that it wrote when it asks, and so does the client’s answer', async () => {
    const outcomes = fc.oneof(
      rawJson(clientBlanks).value.map((value) => `"result":{"a":${value}}`),
      rawJson(clientBlanks).value.map((value) => `"error":{"code":1,"message":"no","data":${value}}`),
    );
    await fc.assert(
      fc.asyncProperty(rawIds, outcomes, async (id, outcome) => {
        const ask = `{"jsonrpc":"2.0","id":"asks","method":"ask","params":{"id":${JSON.stringify(id)}}}`;
        const events = eventsOf(await client.send({ pieces: [Buffer.from(ask)] }));
        const question = await next(events);
        const body = `{"jsonrpc":"2.0",\n"id":${id},${outcome}}`;
        expect((await client.post(body)).status).toBe(202);
        const answer = await next(events);
        expect([question, answer]).toEqual([
          bytesOf(`{"jsonrpc":"2.0","id":${id},"method":"sampling/createMessage","params":{}}`),
          bytesOf(`{"jsonrpc":"2.0","id":"asks","result":${onOneLine(body)}}`),
        ]);
      }),
      { numRuns: 60 },
    );
  });

  /** The next message of a stream. */
  async function next(events: AsyncGenerator<ByteEvent>): Promise<string> {
    for (;;) {
      const { value } = (await events.next()) as { value?: ByteEvent };
      if (!value) return 'the stream has ended';
      expect(value.data).toHaveLength(1);
      if (value.data[0]?.length) return value.data[0].toString('latin1');
    }
  }
});

describe.each(ways)('A text of 8 MiB, %s,', (_, way) => {
  beforeAll(() => {
    client = clients[way];
  });

  const unit = '𝄞\u00a0ü\\ud800\\n\u2028"'.replace('"', '\\"');
  const text = `"${unit.repeat(Math.ceil((8 * 1024 * 1024) / Buffer.byteLength(unit)))}"`;

  it.each(['received', 'received-noted'])('comes through both ways byte for byte: %s', async (method) => {
    const body = Buffer.from(`{"jsonrpc":"2.0","id":1.0,"method":"${method}","params":{"arguments":${text}}}`);
    const places = Array.from({ length: 300 }, (_, i) => Math.imul(i, 2654435761) >>> 0);
    const answer = await client.post(piecesOf(body, places));
    const got = method === 'received' ? documentOf(answer) : (messagesOf(answer)[1] ?? '');
    const wanted = `{"jsonrpc":"2.0","id":1.0,"result":${body.toString('latin1')}}`;
    // Not toBe: nobody wants to read that difference.
    expect(got.length).toBe(wanted.length);
    expect(got === wanted).toBe(true);
  });
});
