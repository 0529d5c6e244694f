import { randomBytes } from 'node:crypto';
import { expect, it, jest } from '@jest/globals';
import {
  containersOf,
  fixtureImage,
  labelOf,
  remaining,
  removeContainers,
  startForeign,
} from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { launcherPid } from '../support/launcher.ts';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { startTicks } from '../support/processes.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const count = 20;

describeEachEngine('A bridge that was killed', (engine) => {
  it('and started again has removed its 20 stubborn containers within 10 s, before it is ready, and nobody else’s', async () => {
    const image = await fixtureImage(engine);
    const config = {
      servers: {
        stubborn: {
          ...{ image, args: ['/servers/ignores-eof-and-sigterm.mjs'], network: 'none', pull: 'never' },
          ...{ startTimeout: '60s', pool: { warm: 0, max: count, acquireTimeout: '60s' } },
        },
      },
    };
    using folder = temporaryFolder();
    const options = { args: ['--engine', engine], folder: folder.path };
    const suffix = randomBytes(4).toString('hex');
    const foreign = ['unlabelled', 'other-owner', 'elsewhere'].map((name) => `gangway-test-${name}-${suffix}`);
    let orphans: string[] = [];
    const start = async (): Promise<Program> => {
      const bridge = await serve(config, options);
      await until('it to be ready', async () => (await fetch(`${bridge.url}/readyz`)).ok);
      return bridge;
    };
    try {
      const first = await timed(start);
      await using killed = first.result;
      const { instance } = await killed.status();
      await Promise.all(Array.from({ length: count }, () => RawSession.open(killed.url, 'stubborn')));
      orphans = (await containersOf(engine, instance)).map(({ name }) => name);
      expect(orphans).toHaveLength(count);
      const [space] = (await labelOf(engine, orphans[0]!, 'io.gangway.owner')).split('.');

      const [unlabelled, otherOwner, elsewhere] = foreign as [string, string, string];
      await startForeign(engine, image, unlabelled, { 'some.other/label': 'x' });
      // This very process stands for another bridge that lives.
      await startForeign(engine, image, otherOwner, {
        'io.gangway.instance': instance,
        'io.gangway.owner': `${space}.${process.pid}.${startTicks(process.pid)}`,
        'io.gangway.server': 'stubborn',
      });
      await startForeign(engine, image, elsewhere, {
        'io.gangway.instance': 'another-installation',
        'io.gangway.owner': 'another-host.1.1',
        'io.gangway.server': 'stubborn',
      });

      // Another bridge on the same engine, with a session.
      await using beside = await serve(config, { args: options.args });
      const neighbour = await RawSession.open(beside.url, 'stubborn');

      // With its launcher, which would have removed them.
      const launcher = await launcherPid(killed);
      killed.signal('SIGKILL');
      process.kill(launcher, 'SIGKILL');
      await killed.ended;
      // Neither the end of their input nor anything else has ended them.
      expect(await remaining(engine, orphans)).toHaveLength(count);

      const restarted = await timed(start);
      await using again = restarted.result;
      process.stderr.write(
        `    ${engine}: restart with ${count} orphans ready, and all gone, after ${Math.round(restarted.ms)} ms\n`,
      );
      expect(await remaining(engine, orphans)).toEqual([]);
      expect(restarted.ms - first.ms).toBeLessThan(10_000);
      expect(await remaining(engine, foreign)).toEqual(foreign);
      expect(textOf((await neighbour.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
      const session = await RawSession.open(again.url, 'stubborn');
      expect(await session.delete()).toBe(200);
    } finally {
      await removeContainers(engine, [...(await remaining(engine, [...orphans, ...foreign]))]);
    }
  });
});
