import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { childrenOf } from '../support/processes.ts';
import { fixture, reconfigure, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(30_000);

const config = {
  servers: {
    weather: { command: fixture('weather'), sharing: 'shared' },
    own: { command: fixture('weather'), pool: { warm: 0 } },
    mortal: { command: fixture('dies-mid-call'), pool: { warm: 0 } },
  },
};

let bridge: Program;

beforeAll(async () => {
  bridge = await serve(config, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

/** A call in plain REST, as `fetch` makes it. */
async function call(
  path: string,
  args: object = {},
  { url = bridge.url, signal }: { url?: string; signal?: AbortSignal } = {},
): Promise<{ status: number; body: Readonly<Record<string, unknown>>; text: string | undefined }> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(args),
    ...(signal && { signal }),
  });
  const body = (await response.json()) as { content?: readonly { readonly text?: string }[] };
  return { status: response.status, body: { ...body }, text: body.content?.[0]?.text };
}

/** The lines of the guide that run, and the JSON that is said to come of each. */
const guide = readFileSync(new URL('../../docs/guides/rest.md', import.meta.url), 'utf8');
const lines = [...guide.matchAll(/```sh\n(curl .*?)\n```(?:\n\n```json\n(.*?)```)?/gs)].map(
  ([, line = '', json]) => [line, json === undefined ? undefined : (JSON.parse(json) as unknown)] as const,
);

describe('docs/guides/rest.md', () => {
  it('has lines to run', () => {
    expect(lines.filter(([, json]) => json !== undefined)).toHaveLength(3);
  });

  it.each(lines)('does what it says: %s', async (line, expected) => {
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { env: { ...process.env, GANGWAY: bridge.url } });
    const answer = JSON.parse(stdout) as unknown;
    expect(answer).toEqual(expected ?? answer);
  });
});

describe('A plain REST call', () => {
  it('on a shared server is answered by the same process as the one before', async () => {
    const [first, second] = [await call('/weather/tools/pid'), await call('/weather/tools/pid')];
    expect(first.text).toBe(second.text);
  });

  it('on any other has a process of its own, which is gone afterwards', async () => {
    const [first, second] = [await call('/own/tools/pid'), await call('/own/tools/pid')];
    expect(first.text).not.toBe(second.text);
    await until('the processes to be gone', () => {
      const pids = childrenOf(bridge.pid).map(({ pid }) => pid);
      return !pids.includes(Number(first.text)) && !pids.includes(Number(second.text));
    });
  });

  it('whose client goes away is cancelled', async () => {
    const abort = new AbortController();
    const slept = call('/weather/tools/sleep', { ms: 20_000 }, { signal: abort.signal }).catch(() => 'gone');
    await until('the call to be under way', async () => (await bridge.status()).callsInFlight === 1);
    abort.abort();
    expect(await slept).toBe('gone');
    await until('the server to hear of it', async () => (await call('/weather/tools/cancelled')).text === '1');
    expect((await bridge.status()).callsInFlight).toBe(0);
  });

  it('whose server dies is 502, with its exit code', async () => {
    const { status, body } = await call('/mortal/tools/die');
    expect([status, body]).toMatchObject([502, { code: 'UPSTREAM_EXITED', retryable: true }]);
  });

  it('is finished on the server that it began on when the configuration changes; the next one is on its successor', async () => {
    const servers = (greeting: string): object => ({
      weather: { ...config.servers.weather, env: { GREETING: greeting } },
      own: { ...config.servers.own, env: { GREETING: greeting } },
    });
    await using program = await serve({ servers: servers('old') }, { args: ['--allow-process'] });
    const { url } = program;
    const greetings = (): Promise<unknown[]> =>
      Promise.all(['weather', 'own'].map(async (name) => (await call(`/${name}/tools/greeting`, {}, { url })).text));
    const before = await greetings();
    const slept = ['weather', 'own'].map((name) => call(`/${name}/tools/sleep`, { ms: 2500 }, { url }));
    await until('the calls to be under way', async () => (await program.status()).callsInFlight === 2);
    await reconfigure(program, { servers: servers('new') });
    expect([before, await greetings()]).toEqual([
      ['old', 'old'],
      ['new', 'new'],
    ]);
    expect((await program.status()).retiring.map(({ name }) => name).sort()).toEqual(['own', 'weather']);
    expect(await Promise.all(slept)).toMatchObject([{ text: 'slept' }, { text: 'slept' }]);
    await until('the old ones to be gone', async () => (await program.status()).retiring.length === 0);
  });

  it('is finished when Gangway is told to end, and no new one is taken', async () => {
    await using program = await serve({ servers: { weather: config.servers.weather } }, { args: ['--allow-process'] });
    const { url } = program;
    await call('/weather/tools/forecast', { city: 'x' }, { url });
    const slept = call('/weather/tools/sleep', { ms: 1500 }, { url });
    await until('the call to be under way', async () => (await program.status()).callsInFlight === 1);
    program.signal('SIGTERM');
    await program.waitForLine(/draining/);
    expect(await call('/weather/tools/forecast', { city: 'x' }, { url })).toMatchObject({ status: 503, body: { code: 'DRAINING' } }); // prettier-ignore
    expect(await slept).toMatchObject({ status: 200, text: 'slept' });
    expect(await program.ended).toBe(0);
  });
});
