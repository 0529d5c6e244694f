import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { spawnLauncher } from '../../src/launcher/launcher-process.ts';
import { temporaryFolder } from '../support/program.ts';
import { until } from '../support/until.ts';

/** A program in the place of the launcher's. */
function programOf(folder: string, text: string): string {
  const file = path.join(folder, 'launcher.mjs');
  writeFileSync(file, text);
  return file;
}

describe('spawnLauncher()', () => {
  it('starts a program with a channel, the token, a small nursery and a short environment', async () => {
    using folder = temporaryFolder();
    const tell =
      'process.send({ kind: "ready", socket: JSON.stringify([process.argv[2], process.execArgv, Object.keys(process.env)]) })';
    const launcher = spawnLauncher(
      { PATH: '/bin', TZ: 'UTC', SECRET: 'x', DOCKER_HOST: 'unix:///d' },
      'a.1.1',
      programOf(folder.path, tell),
    );
    const report = await new Promise<string>((resolve) => {
      launcher.port.onMessage((message) => {
        resolve(message.kind === 'ready' ? message.socket : '');
      });
    });
    const [token, options, names] = JSON.parse(report) as [string, string[], string[]];
    expect([token, options, names.sort()]).toEqual([
      'a.1.1',
      ['--max-semi-space-size=1'],
      ['DOCKER_HOST', 'PATH', 'TZ'],
    ]);
    launcher.release();
    expect(await launcher.ended).toEqual({ exitCode: 0 });
  });

  it('tells of its end, and how it ended, once it is killed', async () => {
    using folder = temporaryFolder();
    const launcher = spawnLauncher({}, 'a.1.1', programOf(folder.path, 'process.on("message", () => 0)'));
    const closed = new Promise<void>((resolve) => {
      launcher.port.onClose(resolve);
    });
    launcher.kill();
    await closed;
    expect(await launcher.ended).toEqual({ signal: 'SIGKILL' });
    // Nobody hears it.
    launcher.port.send({ kind: 'ping' });
  });

  it('ends one that hangs up by itself', async () => {
    using folder = temporaryFolder();
    const file = programOf(folder.path, 'process.disconnect(); setInterval(() => 0, 1000)');
    const launcher = spawnLauncher({}, 'a.1.1', file);
    launcher.port.onClose(() => undefined);
    expect(await launcher.ended).toEqual({ signal: 'SIGKILL' });
  });

  it('passes on what it says on stderr', async () => {
    using folder = temporaryFolder();
    const launcher = spawnLauncher({}, 'a.1.1', programOf(folder.path, 'throw new Error("a fault")'));
    const lines: string[] = [];
    launcher.onLine((line) => lines.push(line));
    expect(await launcher.ended).toEqual({ exitCode: 1 });
    await until('its last words', () => lines.join('\n').includes('a fault'));
  });
});
