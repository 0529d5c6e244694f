import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bodyOf, ByteClient } from '../support/byte-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';

jest.setTimeout(60_000);

const bytes = 64 * 1024 * 1024;

let bridge: Program;

beforeAll(async () => {
  const command = fixture('bulk');
  const pool = { warm: 0 };
  const servers = {
    large: { command, pool, maxLineBytes: '128m' },
    limited: { command, pool, maxLineBytes: '4m' },
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

/** An older client, which gets one document however long it takes. */
function open(server: string): Promise<ByteClient> {
  return ByteClient.open(bridge.url, server, { version: '2025-06-18' });
}

function call(method: string, params: object = {}, id = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** The most memory since it was last set back. */
function peakBytes(): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${bridge.pid}/status`, 'utf8'))?.[1]) * 1024;
}

function resetPeak(): void {
  writeFileSync(`/proc/${bridge.pid}/clear_refs`, '5');
}

const isLinux = process.platform === 'linux';

describe('An answer of 64 MB in one line', () => {
  it.each(['text', 'objects'])('arrives whole: %s; the bridge needs three times its size at the most', async (kind) => {
    using client = await open('large');
    if (isLinux) resetPeak();
    const before = isLinux ? peakBytes() : 0;
    const answer = await client.post(call(kind, { bytes }));
    const growth = isLinux ? peakBytes() - before : 0;
    const digest = JSON.parse(String((await client.post(call('digest'))).body)) as { result: object };
    expect({ status: answer.status, type: answer.type }).toEqual({ status: 200, type: 'application/json' });
    const sha256 = createHash('sha256').update(answer.body).digest('hex');
    expect(digest.result).toEqual({ sha256, length: answer.body.length });
    expect(growth).toBeLessThan(3 * bytes);
    await client.delete();
  });

  it('lets another session go on meanwhile', async () => {
    using large = await open('large');
    using small = await open('large');
    const progress = { isOver: false };
    const answer = large.post(call('objects', { bytes })).finally(() => {
      progress.isOver = true;
    });
    let during = 0;
    do {
      const echo = await small.post(call('echo', { n: during }));
      expect(String(echo.body)).toBe(`{"jsonrpc":"2.0","id":1,"result":{"n":${during}}}`);
      during += 1;
    } while (!progress.isOver);
    expect((await answer).body.length).toBeGreaterThan(bytes);
    expect(during).toBeGreaterThan(10);
    await Promise.all([large.delete(), small.delete()]);
  });
});

describe('A line beyond maxLineBytes', () => {
  it('ends its session alone, and is not kept', async () => {
    using wide = await open('limited');
    using other = await open('limited');
    if (isLinux) resetPeak();
    const before = isLinux ? peakBytes() : 0;
    const answer = await wide.post(call('objects', { bytes }, 7));
    const { id, error } = JSON.parse(String(answer.body)) as { id: number; error: { data: object } };
    expect({ id, status: answer.status }).toEqual({ id: 7, status: 200 });
    expect(error.data).toMatchObject({ gangway: { reason: 'UPSTREAM_GARBLED' } });
    expect(isLinux ? peakBytes() - before : 0).toBeLessThan((4 + 16) * 1024 * 1024);
    expect((await wide.post(call('echo'))).status).toBe(404);
    expect((await other.post(call('echo'))).status).toBe(200);
    const gone = await wide.send({ method: 'GET' });
    expect(gone.statusCode).toBe(404);
    await bodyOf(gone);
    await other.delete();
  });
});
