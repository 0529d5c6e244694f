import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { residentBytes } from '../support/processes.ts';
import { serve, type Program } from '../support/program.ts';
import { median, timed, timedBeyond, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const mebibyte = 1024 ** 2;

const resultOf = ({ message }: Answer): string => textOf(message?.result);
const reasonOf = ({ message }: Answer): string | undefined => message?.error?.data?.gangway?.reason;

describeEachEngine('A server with bad manners, in a container,', (engine) => {
  let bridge: Program;
  let instance: string;
  /** A session of another server, which must not notice anything. */
  let control: RawSession;
  const opened: RawSession[] = [];

  beforeAll(async () => {
    const image = await fixtureImage(engine);
    const run = (name: string): object => ({
      ...{ image, args: [`/servers/${name}.mjs`], network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', pool: { warm: 0, acquireTimeout: '60s' } },
    });
    const servers = {
      control: run('well-behaved'),
      loud: run('floods-stderr'),
      noisy: run('noisy-stdout'),
      torn: run('raw'),
      deaf: run('bulk'),
      crashing: run('dies-at-start'),
    };
    bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
    instance = (await bridge.status()).instance;
    await bridge.waitForLine(/✓ control is ready/, 60_000);
    control = await RawSession.open(bridge.url, 'control');
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    expect(await containersOf(engine, instance)).toEqual([]);
  });

  /** Whatever happened: the control session goes on, and what was opened can be removed. */
  afterEach(async () => {
    expect(resultOf(await control.call('echo', { text: 'still here' }))).toBe('still here');
    for (const session of opened.splice(0)) expect(await session.delete()).toBe(200);
    await until('only its container to be left', async () => (await containersOf(engine, instance)).length === 1);
  });

  async function open(server: string): Promise<RawSession> {
    const session = await RawSession.open(bridge.url, server);
    opened.push(session);
    return session;
  }

  it.each(['binary', 'endless'])('that floods stderr with 100 MB (%s) answers, and fills no memory', async (kind) => {
    const session = await open('loud');
    const before = residentBytes(bridge.pid);
    const { ms, result } = await timed(() => session.call('flood', { megabytes: 100, kind }));
    expect(resultOf(result)).toBe('flooded');
    expect(residentBytes(bridge.pid) - before).toBeLessThan(64 * mebibyte);
    note(engine, `100 MB of stderr (${kind}) take`, ms);
  });

  it('that prints noise on stdout works, and its client never sees the noise', async () => {
    const session = await open('noisy');
    const answer = await session.call('echo', { text: 'clear' });
    expect([session.opened.messages.length, answer.messages.length, resultOf(answer)]).toEqual([1, 1, 'clear']);
  });

  it('that writes in torn pieces is read as it wrote, no character torn', async () => {
    const session = await open('torn');
    const text = 'ä€\u{1f600}\u2028 '.repeat(5000);
    expect((await session.request('received', { text })).message?.result).toMatchObject({ params: { text } });
  });

  it('that does not read has so much waiting for it and no more: then its client is refused', async () => {
    const session = await open('deaf');
    await session.request('deaf');
    const filler = { filler: 'x'.repeat(512 * 1024) };
    let taken = 0;
    let answer = await session.notify('notifications/x', filler);
    for (; answer.status === 202; taken++) answer = await session.notify('notifications/x', filler);
    expect([answer.status, reasonOf(answer)]).toEqual([503, 'UPSTREAM_BUSY']);
    expect(taken).toBeLessThanOrEqual(64);
  });

  it('that dies at each start is left alone after five failures', async () => {
    const url = `${bridge.url}/crashing/mcp`;
    for (let i = 0; i < 5; i++) expect(reasonOf(await post(url, initialize()))).toBe('START_FAILED');
    const { starts } = (await bridge.status()).servers['crashing']!.pool;
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      const { ms, result } = await timedBeyond(bridge.url, () => post(url, initialize()));
      expect([result.status, reasonOf(result)]).toEqual([503, 'CIRCUIT_OPEN']);
      times.push(ms);
    }
    expect(median(times)).toBeLessThan(20);
    expect((await bridge.status()).servers['crashing']?.pool).toMatchObject({ starts, circuit: 'open' });
  });
});

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
