import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage, killContainer, removeContainers, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { serve, type Program } from '../support/program.ts';
import { timed, timedBeyond, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const absent = 'localhost/gangway-test/no-such-image:1';
const alsoAbsent = 'localhost/gangway-test/no-such-image:2';

describeEachEngine('Faults', (engine) => {
  let bridge: Program;
  let instance: string;
  /** A session of a good server on the same bridge, open all the time. */
  let control: RawSession;

  beforeAll(async () => {
    const image = await fixtureImage(engine);
    const run = (name: string, more: object = {}): object => ({
      ...{ image, args: [`/servers/${name}.mjs`], network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', pool: { warm: 0, acquireTimeout: '60s' }, ...more },
    });
    const servers = {
      control: run('well-behaved'),
      'missing-image': { image: absent, pool: { warm: 0 } },
      'never-pulled': { image: alsoAbsent, pull: 'never', pool: { warm: 0 } },
      'of-the-same-image': { image: alsoAbsent, pool: { warm: 0 } },
      'no-command': { image: 'docker.io/library/debian:bookworm-slim', args: ['/no/such/program'], pool: { warm: 0 } },
      'dies-at-start': run('dies-at-start'),
      mute: run('silent', { startTimeout: '4s' }),
      stubborn: run('ignores-eof-and-sigterm'),
      mortal: run('well-behaved'),
      warm: run('well-behaved', { pool: { warm: 2, max: 5 } }),
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

  /** Whatever happened: the control session goes on, and nothing is left of the server that failed. */
  afterEach(async () => {
    expect(textOf((await control.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
    await until('only control and warm containers to be left', async () => {
      const names = await containerNames();
      return names.every((name) => /^gangway-(control|warm)-/.test(name));
    });
  });

  const containerNames = async (server = ''): Promise<string[]> =>
    (await containersOf(engine, instance))
      .map(({ name }) => name)
      .filter((name) => name.startsWith(`gangway-${server}`));

  const open = (server: string): Promise<Answer> => post(`${bridge.url}/${server}/mcp`, initialize('first'));

  const refusal = ({ status, message }: Answer): object => {
    const { id, error } = message ?? {};
    return { status, id, code: error?.code, reason: error?.data?.gangway?.reason };
  };

  describe('A server that cannot be started', () => {
    it('whose image cannot be had: IMAGE_UNAVAILABLE, and the next client is told so at once', async () => {
      const { ms, result: answer } = await timed(() => open('missing-image'));
      expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'IMAGE_UNAVAILABLE' });
      expect(answer.message?.error?.message).toContain(absent);
      expect(ms).toBeLessThan(10_000);
      // A failure is believed for half a minute.
      const again = await timedBeyond(bridge.url, () => open('missing-image'));
      expect(refusal(again.result)).toEqual(refusal(answer));
      expect(again.ms).toBeLessThan(100);
    });

    it('whose image may not be pulled: IMAGE_UNAVAILABLE', async () => {
      const answer = await open('never-pulled');
      expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'IMAGE_UNAVAILABLE' });
      expect(answer.message?.error?.message).toContain('pull is "never"');
    });

    it('whose image another server may not pull is pulled all the same', async () => {
      await open('never-pulled');
      const answer = await open('of-the-same-image');
      expect(answer.message?.error?.message).toMatch(/^Cannot pull image/);
    });

    it('whose command is not in the image: START_FAILED that says so', async () => {
      const answer = await open('no-command');
      expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'START_FAILED' });
      // 127 of Docker's init, 1 of Podman's; the words are the same.
      const facts = answer.message?.error?.data?.gangway;
      expect([1, 127]).toContain(facts?.['exitCode']);
      expect(String(facts?.['stderr'])).toMatch(/no such file or directory/i);
    });

    it('that dies at its start: START_FAILED with its exit code and last stderr lines', async () => {
      const answer = await open('dies-at-start');
      expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'START_FAILED' });
      expect(answer.message?.error?.data?.gangway).toMatchObject({
        exitCode: 3,
        stderr: ['reading the settings', 'the token is not set', 'fatal: no database'],
      });
    });

    it('that never answers initialize: READY_TIMEOUT, and its container is removed', async () => {
      const answer = await open('mute');
      expect(refusal(answer)).toEqual({ status: 504, id: 'first', code: -32603, reason: 'READY_TIMEOUT' });
      await until('its container to be gone', async () => (await containerNames('mute')).length === 0, {
        limitMs: 3000,
      });
    });
  });

  describe('A container', () => {
    it('that ignores the end of its input and SIGTERM is gone 3 s after DELETE, which is answered at once', async () => {
      const session = await RawSession.open(bridge.url, 'stubborn');
      expect(await containerNames('stubborn')).toHaveLength(1);
      const gone = async (): Promise<void> => {
        const deleted = await timedBeyond(bridge.url, () => session.delete());
        expect(deleted.result).toBe(200);
        // Its client does not wait for the removal, which takes more than a second.
        expect(deleted.ms).toBeLessThan(300);
        await until('its container to be gone', async () => (await containerNames('stubborn')).length === 0, {
          everyMs: 50,
        });
      };
      const { ms } = await timed(gone);
      note(engine, 'a stubborn container is gone after', ms);
      expect(ms).toBeLessThan(3000);
    });

    it('that is killed with five calls pending: all five are answered at once', async () => {
      const session = await RawSession.open(bridge.url, 'mortal');
      const pending = [1, 2, 3, 4, 5].map((id) => session.call('sleep', { ms: 600_000 }, { id }));
      await until('five calls', async () => (await bridge.status()).callsInFlight === 5);
      const [name] = await containerNames('mortal');
      const killed = killContainer(engine, name!);
      const { ms, result: answers } = await timed(() => Promise.all(pending));
      await killed;
      note(engine, 'five pending calls are answered after the kill in', ms);
      expect(answers.map(refusal)).toEqual(
        [1, 2, 3, 4, 5].map((id) => ({ status: 200, id, code: -32603, reason: 'UPSTREAM_EXITED' })),
      );
      expect(ms).toBeLessThan(3000);
      expect(refusal(await session.call('echo', { text: 'x' }))).toMatchObject({ status: 404, code: -32001 });
    });

    it('that waits warm and is removed by hand is replaced', async () => {
      const warm = async (): Promise<string[]> => {
        const { pool } = (await bridge.status()).servers['warm']!;
        return pool.warm === 2 ? await containerNames('warm') : [];
      };
      const before = await until('two warm containers', async () => {
        const names = await warm();
        return names.length === 2 ? names : undefined;
      });
      const [victim = ''] = before;
      await removeContainers(engine, [victim]);
      await until('another one in its place', async () => {
        const names = await warm();
        return names.length === 2 && !names.includes(victim);
      });
      const session = await RawSession.open(bridge.url, 'warm');
      expect(await session.delete()).toBe(200);
    });
  });
});

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
