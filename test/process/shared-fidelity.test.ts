import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { ByteClient, eventsOf, splitEvents, type ByteAnswer, type ByteEvent } from '../support/byte-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { piecesOf, rawIds, rawJson, spaceOf } from '../support/raw-json.ts';

jest.setTimeout(60_000);

// As fidelity.test.ts, but for what is shared: ids and progress tokens are other ones on the server, and nothing else is.
const clientBlanks = fc.constantFrom(' ', '\t', '\n', '\r', '\r\n', '   ');
const serverBlanks = fc.constantFrom(' ', '\t', '\r', '   ');
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const runs = { numRuns: 60 };

let bridge: Program;
let client: ByteClient;

beforeAll(async () => {
  const servers = { raw: { command: fixture('raw'), sharing: 'shared', pool: { max: 1 } } };
  bridge = await serve({ listen: { maxBodyBytes: '12m' }, servers }, { args: ['--allow-process'] });
  client = await ByteClient.open(bridge.url, 'raw', { capabilities: { sampling: {} } });
});

afterAll(async () => {
  client[Symbol.dispose]();
  await bridge[Symbol.asyncDispose]();
});

/** Where the server's own ids stand in a text. */
const mark = '\u{1f511}';

interface Sent {
  readonly id: string;
  readonly token: string;
  readonly body: string;
  /** As the server is to get it: `mark` where a number of its own stands. */
  readonly seen: string;
}

/** A client's request: its members in any order, white space between them. */
const requests = (method: string): fc.Arbitrary<Sent> =>
  fc
    .tuple(
      fc.tuple(rawIds, rawIds),
      rawJson(clientBlanks).value,
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      fc.boolean(),
      fc.array(spaceOf(clientBlanks), { minLength: 18, maxLength: 18 }),
    )
    .map(([[id, token], value, order, isMetaFirst, blanks]) => {
      const write = (writtenId: string, writtenToken: string): string => {
        const left = [...blanks];
        const blank = (): string => left.shift() ?? '';
        const meta = `"_meta":{"a":1,"progressToken"${blank()}:${blank()}${writtenToken}}`;
        const given = `"arguments"${blank()}:${value}`;
        const members = [
          `"jsonrpc"${blank()}:"2.0"`,
          `"id":${blank()}${writtenId}`,
          `"method":"${method}"`,
          `"params":{${(isMetaFirst ? [meta, given] : [given, meta]).join(',')}}`,
        ];
        const inOrder = order.map((i) => `${blank()}${members[i] ?? ''}${blank()}`).join(',');
        return `${blank()}{${inOrder}}${blank()}`;
      };
      return { id, token, body: write(id, token), seen: onOneLine(write(mark, mark)) };
    });

/** The documented exception. Within a text there is no raw line break: it would not be JSON. */
function onOneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}

/** Latin-1, so that every byte is seen in what a failure shows, and none is decoded. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** A text with the number that Gangway put in place of the marks; the same one for an id and its token. */
function withNumberOf(answer: string, wanted: string): string {
  const [before = ''] = bytesOf(wanted).split(bytesOf(mark), 1);
  const [number = '?'] = /^\d+/.exec(answer.slice(before.length)) ?? [];
  return bytesOf(wanted).replaceAll(bytesOf(mark), number);
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

describe('A request to a shared server', () => {
  it.each([
    ['received', (seen: string) => `"result":${seen}`],
    ['received-wrong', (seen: string) => `"error":{"code":-1,"message":"m","data":${seen}}`],
  ])(
    'reaches it as it was written but for id and token, and the answer comes back under its id: %s',
    async (method, outcome) => {
      await fc.assert(
        fc.asyncProperty(requests(method), cuts, async ({ id, body, seen }, places) => {
          const answer = documentOf(await client.post(piecesOf(Buffer.from(body), places)));
          expect(answer).toBe(withNumberOf(answer, `{"jsonrpc":"2.0","id":${id},${outcome(seen)}}`));
        }),
        runs,
      );
    },
  );

  it('has the same bytes in an event stream, each message in one data line', async () => {
    await fc.assert(
      fc.asyncProperty(requests('received-noted'), cuts, async ({ id, body, seen }, places) => {
        const messages = messagesOf(await client.post(piecesOf(Buffer.from(body), places)));
        const wanted = [
          `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${seen}}}`,
          `{"jsonrpc":"2.0","id":${id},"result":${seen}}`,
        ];
        expect(messages).toEqual(wanted.map((line, i) => withNumberOf(messages[i] ?? '', line)));
      }),
      runs,
    );
  });
});

describe('What a shared server says', () => {
  const json = rawJson(serverBlanks);
  const emit = (lines: readonly string[], id: string, token = '0'): Promise<ByteAnswer> => {
    const encoded = lines.map((line) => Buffer.from(line).toString('base64'));
    const params = `{"_meta":{"progressToken":${token}},"lines":${JSON.stringify(encoded)}}`;
    return client.post(`{"jsonrpc":"2.0","id":${id},"method":"emit","params":${params}}`);
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
      const write = (writtenId: string): string => {
        const members = ['"jsonrpc":"2.0"', `"id":${writtenId}`, outcome];
        return `{${order.map((i, n) => `${blanks[2 * n] ?? ''}${members[i] ?? ''}${blanks[2 * n + 1] ?? ''}`).join(',')}}`;
      };
      return { id, said: write('$ID'), seen: onOneLine(write(id)) };
    });
  /** Progress with anything beside the token. */
  const steps = fc
    .tuple(rawIds, json.value, fc.boolean(), fc.array(spaceOf(serverBlanks), { minLength: 3, maxLength: 3 }))
    .map(([token, value, isFirst, blanks]) => {
      const write = (writtenToken: string): string => {
        const members = [`"progressToken"${blanks[0] ?? ''}:${blanks[1] ?? ''}${writtenToken}`, `"message":${value}`];
        const params = (isFirst ? members : members.reverse()).join(',');
        return `{"jsonrpc":"2.0","method":"notifications/progress","params":{${blanks[2] ?? ''}${params}}}`;
      };
      return { token, said: write('$TOKEN'), seen: onOneLine(write(token)) };
    });

  it('comes as the bytes that it wrote, under the id as its client wrote it: an answer alone', async () => {
    await fc.assert(
      fc.asyncProperty(answers, async ({ id, said, seen }) => {
        expect(documentOf(await emit([said], id))).toBe(bytesOf(seen));
      }),
      runs,
    );
  });

  it('comes as the bytes that it wrote, under the token as its client wrote it: progress and an answer', async () => {
    await fc.assert(
      fc.asyncProperty(steps, answers, async (step, { id, said, seen }) => {
        expect(messagesOf(await emit([step.said, said], id, step.token))).toEqual([step.seen, seen].map(bytesOf));
      }),
      runs,
    );
  });

  it('comes as the bytes that it wrote when it asks, and so does the client’s answer, but for the id', async () => {
    const outcomes = fc.oneof(
      rawJson(clientBlanks).value.map((value) => `"result":{"a":${value}}`),
      rawJson(clientBlanks).value.map((value) => `"error":{"code":1,"message":"no","data":${value}}`),
    );
    await fc.assert(
      fc.asyncProperty(rawIds, outcomes, async (id, outcome) => {
        const ask = `{"jsonrpc":"2.0","id":"asks","method":"ask","params":{"id":${JSON.stringify(id)}}}`;
        const events = eventsOf(await client.send({ pieces: [Buffer.from(ask)] }));
        const question = await next(events);
        const [, number] =
          /^{"jsonrpc":"2.0","id":(\d+),"method":"sampling\/createMessage","params":{}}$/.exec(question) ?? [];
        const body = (written: string): string => `{"jsonrpc":"2.0",\n"id":${written},${outcome}}`;
        expect((await client.post(body(String(number)))).status).toBe(202);
        expect(await next(events)).toBe(bytesOf(`{"jsonrpc":"2.0","id":"asks","result":${onOneLine(body(id))}}`));
      }),
      { numRuns: 40 },
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

describe('A text of 8 MiB to and from a shared server', () => {
  it('comes through both ways byte for byte', async () => {
    const unit = '𝄞\u00a0ü\\ud800\\n\u2028\\"';
    const text = `"${unit.repeat(Math.ceil((8 * 1024 * 1024) / Buffer.byteLength(unit)))}"`;
    const rest = `"method":"received","params":{"arguments":${text}}}`;
    const places = Array.from({ length: 300 }, (_, i) => Math.imul(i, 2654435761) >>> 0);
    const got = documentOf(await client.post(piecesOf(Buffer.from(`{"jsonrpc":"2.0","id":1.0,${rest}`), places)));
    const wanted = withNumberOf(got, `{"jsonrpc":"2.0","id":1.0,"result":{"jsonrpc":"2.0","id":${mark},${rest}}`);
    // Not toBe: nobody wants to read that difference.
    expect(got.length).toBe(wanted.length);
    expect(got === wanted).toBe(true);
  });
});
