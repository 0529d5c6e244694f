import { spawn } from 'node:child_process';
import { describe, expect, it, jest } from '@jest/globals';
import { launcherPid } from '../support/launcher.ts';
import { RawSession } from '../support/mcp-client.ts';
import { childrenOf, isAlive, startTicks } from '../support/processes.ts';
import { fixture, serve, temporaryFolder } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(30_000);

const config = {
  servers: {
    stubborn: { command: fixture('ignores-eof-and-sigterm'), pool: { warm: 0 } },
    polite: { command: fixture('well-behaved'), pool: { warm: 0 } },
  },
};
const args = ['--allow-process'];

/** A process that is not the bridge's, with some environment. */
function stranger(env: Record<string, string>): { readonly pid: number; end(): void } {
  const [program, ...rest] = fixture('ignores-eof-and-sigterm');
  const child = spawn(program, rest, { stdio: ['pipe', 'ignore', 'ignore'], env: { ...process.env, ...env } });
  return { pid: child.pid!, end: () => void child.kill('SIGKILL') };
}

describe('A bridge that was killed', () => {
  it('leaves no polite server behind', async () => {
    await using bridge = await serve(config, { args });
    await RawSession.open(bridge.url, 'polite');
    const pids = childrenOf(bridge.pid).map(({ pid }) => pid);
    expect(await bridge.stop('SIGKILL')).toBe('SIGKILL');
    await until('its server to see the end of its input', () => pids.filter(isAlive).length === 0, { limitMs: 3000 });
  });

  it('and started again removes its stubborn processes within 5 s, and nobody else’s', async () => {
    using folder = temporaryFolder();
    await using killed = await serve(config, { args, folder: folder.path });
    await Promise.all(Array.from({ length: 5 }, () => RawSession.open(killed.url, 'stubborn')));
    const orphans = childrenOf(killed.pid);
    expect(orphans).toHaveLength(5);
    const marks = orphans[0]!.environment;
    const [space] = marks.get('GANGWAY_OWNER')!.split('.');
    const strangers = [
      // No marks at all.
      stranger({}),
      // Of another bridge that lives: this very process stands for it.
      stranger({
        GANGWAY_NAME: 'gangway-other-1',
        GANGWAY_INSTANCE: marks.get('GANGWAY_INSTANCE')!,
        GANGWAY_OWNER: `${space}.${process.pid}.${startTicks(process.pid)}`,
      }),
      // Of another installation in another process space, which cannot be looked up.
      stranger({ GANGWAY_NAME: 'gangway-other-2', GANGWAY_INSTANCE: 'elsewhere', GANGWAY_OWNER: 'elsewhere.1.1' }),
    ];
    try {
      // With its launcher, which would have removed them.
      const launcher = await launcherPid(killed);
      killed.signal('SIGKILL');
      process.kill(launcher, 'SIGKILL');
      await killed.ended;
      expect(orphans.filter(({ pid }) => isAlive(pid))).toHaveLength(5);
      await using again = await serve(config, { args, folder: folder.path });
      const gone = (): boolean => orphans.every(({ pid }) => !isAlive(pid));
      const { ms } = await timed(() => until('the orphans to be gone', gone, { limitMs: 5000 }));
      expect(ms).toBeLessThan(5000);
      await again.waitForLine(/orphaned/);
      expect(strangers.map(({ pid }) => isAlive(pid))).toEqual([true, true, true]);
    } finally {
      for (const other of strangers) other.end();
    }
  });
});

describe('A process of a server’s own', () => {
  it('is ended with its server', async () => {
    const shell = 'sleep 300 & echo $! >&2; exec "$0" "$@"';
    const family = { command: ['sh', '-c', shell, ...fixture('well-behaved')], pool: { warm: 0 } };
    await using bridge = await serve({ servers: { family } }, { args });
    const session = await RawSession.open(bridge.url, 'family');
    const pids = childrenOf(bridge.pid).map(({ pid }) => pid);
    expect(pids).toHaveLength(2);
    await session.delete();
    await until('both to be gone', () => pids.filter(isAlive).length === 0, { limitMs: 5000 });
  });
});
