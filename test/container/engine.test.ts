import { once } from 'node:events';
import { expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { systemClock } from '../../src/base/clock.ts';
import { detectEngine } from '../../src/engine/detect.ts';
import { containerName, labelKeys, labelsFor } from '../../src/engine/labels.ts';
import { fixtureImage, remaining } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const owner = { instance: 'engine-test', token: 'nowhere.1.1' };

describeEachEngine('CliEngine', (kind) => {
  /** A container that runs until it is removed. */
  async function run(labels: Record<string, string>): Promise<string> {
    const name = containerName('engine-test');
    const flags = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    const server = ['/servers/ignores-eof-and-sigterm.mjs'];
    await execa(kind, [
      'run',
      '--detach',
      '--interactive',
      '--rm',
      '--name',
      name,
      ...flags,
      await fixtureImage(kind),
      ...server,
    ]);
    return name;
  }

  it.each([
    ['before', (name: string) => ['gangway-is-not-there', name]],
    ['behind', (name: string) => [name, 'gangway-is-not-there']],
  ])('removes a container although one %s it is missing', async (_place, names) => {
    const { engine } = await detectEngine(kind, process.env, systemClock);
    const name = await run(labelsFor(owner, 'engine-test', new Date()));
    await engine.remove(names(name));
    expect((await engine.list()).map((record) => record.name)).not.toContain(name);
  });

  it('lists one record for a container, whatever stands in its labels', async () => {
    const { engine } = await detectEngine(kind, process.env, systemClock);
    const forged = 'a.1.1\nvictim\trunning\tengine-test\tzz.1.1\tx\t1';
    const name = await run({ ...labelsFor(owner, 'engine-test', new Date()), [labelKeys.owner]: forged });
    const records = await engine.list();
    await engine.remove([name]);
    expect(records.find((record) => record.name === 'victim')).toBeUndefined();
    expect(records.find((record) => record.name === name)?.labels[labelKeys.owner]).toBe(forged);
  });
});

// Docker has nothing of the kind.
describeEachEngine(
  'CliEngine',
  (kind) => {
    it('has a stubborn container end after its lifetime although its client is gone and nobody removes it', async () => {
      const { engine } = await detectEngine(kind, process.env, systemClock);
      const name = containerName('engine-test');
      const child = engine.launch({
        ...{ name, labels: labelsFor(owner, 'engine-test', new Date()), env: [], mounts: [], user: undefined },
        source: { kind: 'image', image: await fixtureImage(kind) },
        args: ['/servers/ignores-eof-and-sigterm.mjs'],
        ...{ network: 'none', sandbox: 'default', resources: { cpus: 1, memoryBytes: 128 * 1024 ** 2, pids: 64 } },
        lifetimeSeconds: 4,
      });
      // It is up, and deaf to the end of its input, when it answers.
      child.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
      child.stdout.resume();
      await once(child.stdout, 'data');
      child.kill();
      await child.exited;
      engine.close();
      expect(await remaining(kind, [name])).toEqual([name]);
      await until('its end', async () => (await remaining(kind, [name])).length === 0, { limitMs: 20_000 });
    });
  },
  ['podman'],
);
