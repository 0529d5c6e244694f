import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage, killContainer, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { connect, RawSession, textOf } from '../support/mcp-client.ts';
import { serve, type Program } from '../support/program.ts';
import { hold, resultOf } from '../support/together.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

describeEachEngine('A shared server', (engine) => {
  let bridge: Program;
  const sessions: RawSession[] = [];

  beforeAll(async () => {
    const image = await fixtureImage(engine);
    const shared = { sharing: 'shared', network: 'none', pull: 'never', startTimeout: '60s' };
    const pool = { max: 1, acquireTimeout: '60s' };
    const limited = { cpus: 0.2, memory: '96m', pids: 40 };
    const servers = {
      everything: { ...shared, image: 'docker.io/mcp/everything', pool },
      together: { ...shared, image, args: ['/servers/together.mjs'], pool },
      limited: { ...shared, image, args: ['/servers/inspector.mjs'], pool, resources: limited },
    };
    bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
    await Promise.all(Object.keys(servers).map((name) => bridge.waitForLine(new RegExp(`✓ ${name} is ready`), 60_000)));
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.delete()));
  });

  async function open(server: string): Promise<RawSession> {
    const session = await RawSession.open(bridge.url, server);
    sessions.push(session);
    return session;
  }

  async function containerNames(server: string): Promise<string[]> {
    const all = await containersOf(engine, (await bridge.status()).instance);
    return all.map(({ name }) => name).filter((name) => name.startsWith(`gangway-${server}-`));
  }

  it('of an image from the registry has one container for two clients, and each gets its own', async () => {
    await using one = await connect(bridge.url, 'everything');
    await using two = await connect(bridge.url, 'everything');
    expect(one.client.getServerVersion()).toEqual(two.client.getServerVersion());
    const steps: number[][] = [[], []];
    const calls = [one, two].flatMap(({ client }, who) => [
      client.callTool({ name: 'get-sum', arguments: { a: 40, b: who } }),
      client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 2 } }, undefined, {
        onprogress: ({ progress }) => steps[who]!.push(progress),
      }),
    ]);
    const [sumOfOne, , sumOfTwo] = (await Promise.all(calls)).map((result) => textOf(result));
    expect([sumOfOne, sumOfTwo]).toEqual([expect.stringContaining('is 40'), expect.stringContaining('is 41')]);
    expect(steps).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(await containerNames('everything')).toHaveLength(1);
  });

  it('that is killed: all calls of both clients are answered, both go on, and another container takes its place', async () => {
    const [one, two] = [await open('together'), await open('together')];
    const streams = [await hold(one, 1), await hold(one, 2), await hold(two, 1), await hold(two, 2)];
    const before = await containerNames('together');
    await killContainer(engine, before[0]!);
    await Promise.all(streams.map(({ ended }) => ended));
    const answers = streams.map((stream) => stream.messages().at(-1));
    expect(answers.map((answer) => [answer?.id, answer?.error?.data?.gangway?.reason])).toEqual(
      [1, 2, 1, 2].map((id) => [id, 'UPSTREAM_EXITED']),
    );
    const texts = await Promise.all(
      [one, two].map(async (session) => resultOf(await session.call('echo', { text: session.id }))),
    );
    expect(texts).toEqual([one.id, two.id]);
    const after = await until('one container to be left', async () => {
      const names = await containerNames('together');
      return names.length === 1 ? names : undefined;
    });
    expect(after).not.toEqual(before);
  });

  it('gets a fifth of a CPU when its resources say so, and the memory and processes that they name', async () => {
    const session = await open('limited');
    const cpuMs = 600;
    const wallMs = Number(resultOf(await session.call('burn', { cpuMs })));
    process.stderr.write(`    ${engine}: cpus 0.2, ${cpuMs} ms of a CPU take ${Math.round(wallMs)} ms\n`);
    expect(wallMs / cpuMs).toBeGreaterThan(3);
    const read = async (...paths: string[]): Promise<string> => {
      const texts = await Promise.all(
        paths.map(async (path) => resultOf(await session.call('read', { path: `/sys/fs/cgroup/${path}` }))),
      );
      return texts.find((text) => text !== '')?.trim() ?? 'nothing';
    };
    expect(await read('memory.max', 'memory/memory.limit_in_bytes')).toBe(String(96 * 1024 ** 2));
    expect(await read('pids.max', 'pids/pids.max')).toBe('40');
  });
});
