import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ByteClient, eventsOf } from '../support/byte-client.ts';
import { childrenOf, residentBytes } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

const mebibyte = 1024 * 1024;
const isLinux = process.platform === 'linux';

let bridge: Program;
/** A session of another client, which must not notice anything. */
let other: ByteClient;

beforeAll(async () => {
  const server = { command: fixture('bulk'), pool: { warm: 0 } };
  bridge = await serve({ servers: { subject: server, other: server } }, { args: ['--allow-process'] });
  other = await ByteClient.open(bridge.url, 'other');
});

afterAll(async () => {
  other[Symbol.dispose]();
  await bridge[Symbol.asyncDispose]();
});

function call(method: string, params: object = {}, id = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

async function othersGoOn(): Promise<void> {
  for (let n = 0; n < 20; n++) {
    const { body } = await other.post(call('echo', { n }, n));
    expect(String(body)).toBe(`{"jsonrpc":"2.0","id":${n},"result":{"n":${n}}}`);
  }
}

function serverPid(): number {
  const child = childrenOf(bridge.pid).find(({ environment }) => environment.get('GANGWAY_SERVER') === 'subject');
  return child?.pid ?? 0;
}

/** What a process has written so far. */
function writtenBytes(pid: number): number {
  return Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** Waits until a process writes nothing more. @returns how much it has written */
async function blocked(pid: number): Promise<number> {
  const looks: number[] = [];
  await until(
    'the server to be held up',
    () => {
      looks.push(writtenBytes(pid));
      return looks.length > 5 && looks.slice(-5).every((bytes) => bytes === looks.at(-1)) && looks.at(-1)! > mebibyte;
    },
    { limitMs: 20_000, everyMs: 100 },
  );
  return looks.at(-1) ?? 0;
}

(isLinux ? describe : describe.skip)('A client that does not read what its server says', () => {
  const count = 16_000;
  const flood = { count, bytes: 8000 };

  it.each([
    ['the answer to a call', 'POST', 'notifications/message'],
    ['a GET stream', 'GET', 'notifications/tools/list_changed'],
  ] as const)('slows that server down and nobody else, and gets everything in the end: %s', async (_, form, method) => {
    using client = await ByteClient.open(bridge.url, 'subject');
    const before = residentBytes(bridge.pid);
    const listening = form === 'GET' ? await client.listen() : undefined;
    const sent = client.send({ pieces: [Buffer.from(call('flood', { ...flood, method }))] });
    const unread = listening ?? (await sent);

    const written = await blocked(serverPid());
    expect(written).toBeLessThan((count * flood.bytes) / 4);
    await othersGoOn();
    expect(residentBytes(bridge.pid) - before).toBeLessThan(48 * mebibyte);
    expect(writtenBytes(serverPid())).toBe(written);

    let next = 1;
    for await (const { data } of eventsOf(unread)) {
      const { n } = (JSON.parse(String(data[0] ?? '') || '{}') as { params?: { n?: number } }).params ?? {};
      if (n !== undefined) expect(n).toBe(next++);
      if (n === count) break;
    }
    expect(next).toBe(count + 1);
    (await sent).resume();
    await client.delete();
    expect(residentBytes(bridge.pid) - before).toBeLessThan(96 * mebibyte);
  });
});

describe('A server that does not read what its client says', () => {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/x',
    params: { filler: 'x'.repeat(128 * 1024) },
  });

  it('has so much waiting for it and no more: then its client is refused, and nobody else', async () => {
    using client = await ByteClient.open(bridge.url, 'subject');
    await client.post(call('deaf'));
    let taken = 0;
    let answer = await client.post(body);
    for (; answer.status === 202; taken++) answer = await client.post(body);
    expect(answer.status).toBe(503);
    expect(JSON.parse(String(answer.body))).toMatchObject({
      error: { data: { gangway: { reason: 'UPSTREAM_BUSY', retryable: true } } },
    });
    // 8 MiB wait in the bridge, or 1 MiB when that takes long; some more are in the pipe and in the server.
    expect(taken).toBeGreaterThanOrEqual(8);
    expect(taken).toBeLessThanOrEqual(72);

    const before = isLinux ? residentBytes(bridge.pid) : 0;
    for (let n = 0; n < 200; n++) expect((await client.post(body)).status).toBe(503);
    await othersGoOn();
    expect(isLinux ? residentBytes(bridge.pid) - before : 0).toBeLessThan(48 * mebibyte);

    if (!isLinux) return;
    process.kill(serverPid(), 'SIGUSR2');
    const heard = await until('the server to listen again', async () => {
      const { status, body: text } = await client.post(call('heard'));
      return status === 200 && String(text);
    });
    // One more: `initialized`. What was refused, it never got.
    expect(heard).toBe(`{"jsonrpc":"2.0","id":1,"result":{"heard":${taken + 1}}}`);
    await client.delete();
  });
});
