import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { pauseContainer } from '../support/container-processes.ts';
import { containersOf, fixtureImage, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const resultOf = ({ message }: Answer): string => textOf(message?.result);

describeEachEngine('The container of a shared server', (engine) => {
  let bridge: Program;
  let instance: string;
  const sessions: RawSession[] = [];

  beforeAll(async () => {
    const image = await fixtureImage(engine);
    const run = (name: string): object => ({
      ...{ image, args: [`/servers/${name}.mjs`], network: 'none', pull: 'never', sharing: 'shared' },
      ...{ startTimeout: '60s', pingInterval: '1s', pool: { max: 1, acquireTimeout: '60s' } },
    });
    const servers = {
      idle: run('keeps-a-record'),
      leaver: run('leaves-when-told'),
    };
    bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
    instance = (await bridge.status()).instance;
    await Promise.all(Object.keys(servers).map((name) => bridge.waitForLine(new RegExp(`✓ ${name} is ready`), 60_000)));
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    expect(await containersOf(engine, instance)).toEqual([]);
  });

  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.delete()));
  });

  /** Two sessions of it, and the one container that they have together. */
  async function open(server: string): Promise<{ one: RawSession; two: RawSession; name: string }> {
    const [one, two] = [await RawSession.open(bridge.url, server), await RawSession.open(bridge.url, server)];
    sessions.push(one, two);
    const all = await names(server);
    expect(all).toHaveLength(1);
    return { one, two, name: all[0]! };
  }

  async function names(server: string): Promise<string[]> {
    const all = await containersOf(engine, instance);
    return all.map(({ name }) => name).filter((name) => name.startsWith(`gangway-${server}-`));
  }

  /** Waits until another container alone has taken its place. */
  async function replaced(server: string, name: string): Promise<void> {
    await until('another container in its place', async () => {
      const [other, ...more] = await names(server);
      return other !== undefined && other !== name && more.length === 0;
    });
  }

  it('that is paused and asked nothing is found out by its ping and replaced; the next call of each session succeeds', async () => {
    const { one, two, name } = await open('idle');
    const heard = async (): Promise<string> => resultOf(await one.call('heard'));
    await until('a ping that it answers', async () => (await heard()).includes('ping'), { everyMs: 100 });
    await pauseContainer(engine, name);
    const { ms } = await timed(() => replaced('idle', name));
    note(engine, 'a paused, idle container is replaced after', ms);
    const texts = await Promise.all([one, two].map(async (s) => resultOf(await s.call('echo', { text: s.id }))));
    expect(texts).toEqual([one.id, two.id]);
    await bridge.waitForLine(/"container":"gangway-idle-.*a server does not answer; it is replaced/);
  });

  it('that leaves between two calls is replaced; both sessions go on', async () => {
    const { one, two, name } = await open('leaver');
    expect(resultOf(await one.call('leave'))).toBe('bye');
    await until('it to be gone', async () => !(await names('leaver')).includes(name));
    expect((await two.request('tools/list', {})).message).toHaveProperty('result.tools');
    expect((await one.request('tools/list', {})).message).toHaveProperty('result.tools');
    await replaced('leaver', name);
    expect((await bridge.status()).servers['leaver']).toMatchObject({ deaths: { total: 1 } });
  });
});

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
