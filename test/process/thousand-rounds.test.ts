import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(90_000);

const count = 1000;
const prefix = 'io.modelcontextprotocol/';
let bridge: Program;

beforeAll(async () => {
  const pool = { min: 8, max: 8, queue: count, acquireTimeout: '8s' };
  const server = { command: fixture('together'), sharing: 'shared', modern: 'translate', inputTimeout: '2s', pool };
  bridge = await serve({ servers: { asks: server } }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ asks is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

interface Answer {
  readonly id: number;
  readonly result?: {
    readonly resultType: string;
    readonly requestState?: string;
    readonly inputRequests?: Readonly<Record<string, { readonly params: { readonly message: string } }>>;
    readonly content?: readonly { readonly text: string }[];
  };
  readonly error?: { readonly data?: { readonly gangway: { readonly reason: string } } };
}

/** One POST. A response in which there is not exactly one message is no answer. */
async function call(id: number, message: string, more: object = {}): Promise<Answer> {
  const _meta = { [`${prefix}protocolVersion`]: '2026-07-28', [`${prefix}clientCapabilities`]: { elicitation: {} } };
  const params = { name: 'elicit', arguments: { message }, ...more, _meta };
  const response = await fetch(`${bridge.url}/asks/mcp`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'elicit',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
  });
  const text = await response.text();
  const data = text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6));
  const messages = (text.startsWith('{') ? [text] : data).map((each) => JSON.parse(each) as Answer);
  if (messages.length !== 1) throw new Error(`wanted one answer, got ${text}`);
  return messages[0]!;
}

/** What became of one client; every second one never comes back. */
async function client(i: number): Promise<string> {
  const mark = `client ${i}`;
  const asked = await call(i, mark);
  if (asked.id !== i) return 'another id';
  const { requestState, inputRequests = {} } = asked.result ?? {};
  if (requestState === undefined) return reasonOf(asked);
  const [[key, question] = ['', undefined]] = Object.entries(inputRequests);
  if (question?.params.message !== mark) return 'the question of another';
  return i % 2 === 1 ? 'gone' : comeBack(i, mark, requestState, key);
}

async function comeBack(i: number, mark: string, requestState: string, key: string): Promise<string> {
  const inputResponses = { [key]: { action: 'accept', content: { name: mark } } };
  const ended = await call(count + i, mark, { requestState, inputResponses });
  if (ended.id !== count + i) return 'another id';
  if (ended.error) return reasonOf(ended);
  return ended.result?.content?.[0]?.text.includes(`"${mark}"`) === true ? 'answered' : 'the answer of another';
}

function reasonOf(answer: Answer): string {
  return answer.error?.data?.gangway.reason ?? JSON.stringify(answer);
}

describe('A thousand clients of a server that asks, with eight containers,', () => {
  it('get one answer each, their own, and nothing is left of those that never come back', async () => {
    const outcomes = new Map<string, number>();
    const all = await Promise.all(Array.from({ length: count }, (_, i) => client(i)));
    for (const outcome of all) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    expect([...outcomes.keys()].sort()).toEqual(['ACQUIRE_TIMEOUT', 'answered', 'gone']);
    await until('nothing to be left', async () => {
      const { callsInFlight, rounds, servers } = (await bridge.status()) as unknown as {
        readonly callsInFlight: number;
        readonly rounds: number;
        readonly servers: { readonly asks: { readonly pool: { readonly ongoing: number; readonly waiting: number } } };
      };
      const { ongoing, waiting } = servers.asks.pool;
      return callsInFlight + rounds + ongoing + waiting === 0;
    });
    expect(await client(0)).toBe('answered');
  });
});
