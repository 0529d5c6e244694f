import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { fixtureImage, removeContainers } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { serve, temporaryFolder } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const facts = ({ status, message }: Answer): object => ({ status, ...message?.error?.data?.gangway });

/** What both engines refuse, and what only Docker does: Podman takes any number of CPUs. */
const refusals = [
  { reason: 'user', words: 'its user is not in the image', more: { user: 'nosuchuser' } },
  { reason: 'limit', words: 'the engine does not take its limits', more: { resources: { cpus: 1024 } } },
];

describeEachEngine('A container that the engine refuses to run', (engine) => {
  it.each(refusals.filter(({ reason }) => engine === 'docker' || reason !== 'limit'))(
    '($reason): START_FAILED with the reason; the engine’s words are in the log only',
    async ({ reason, words, more }) => {
      const image = await fixtureImage(engine);
      const server = { image, args: ['/servers/well-behaved.mjs'], network: 'none', pull: 'never', pool: { warm: 0 } };
      await using bridge = await serve(
        { servers: { refused: { ...server, ...more } } },
        { args: ['--engine', engine] },
      );
      const answer = await post(`${bridge.url}/refused/mcp`, initialize());
      expect(facts(answer)).toMatchObject({ status: 502, reason: 'START_FAILED', engineReason: reason });
      expect(answer.message?.error?.message).toBe(`Cannot start the server: the engine refused to run it: ${words}`);
      expect(answer.message?.error?.data?.gangway).not.toHaveProperty('stderr');
      const line = await bridge.waitForLine(/the engine refused to run a container/);
      const text = expect.arrayContaining([expect.stringMatching(/^(Error|docker): /)]);
      expect(JSON.parse(line)).toMatchObject({ reason, text });
    },
  );
});

const canMount = process.getuid?.() === 0 && spawnSync('podman', ['info']).status === 0;

(canMount ? describe : describe.skip)('Podman, with its disk full,', () => {
  it('refuses for lack of space; the reason is told, and the next start works once there is room', async () => {
    const image = await fixtureImage('podman');
    using folder = temporaryFolder();
    const disk = path.join(folder.path, 'disk');
    const storage = path.join(folder.path, 'storage.conf');
    mkdirSync(disk);
    writeFileSync(storage, storageOn(disk));
    mount('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk);
    const env = { CONTAINERS_STORAGE_CONF: storage };
    try {
      const server = { image, args: ['/servers/well-behaved.mjs'], network: 'none', pull: 'never', pool: { warm: 0 } };
      await using bridge = await serve({ servers: { server } }, { args: ['--engine', 'podman'], env });
      await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok);
      spawnSync('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=64k']);
      const answer = await post(`${bridge.url}/server/mcp`, initialize());
      expect(facts(answer)).toMatchObject({ status: 502, reason: 'START_FAILED', engineReason: 'no-space' });
      expect(answer.text).not.toContain(disk);
      rmSync(`${disk}/filler`);
      const session = await until('a session', () => RawSession.open(bridge.url, 'server'));
      expect(textOf((await session.call('echo', { text: 'here' })).message?.result)).toBe('here');
    } finally {
      mount('umount', '--lazy', disk);
    }
  });
});

/** Containers on a disk of their own; images from where everybody has them. */
function storageOn(disk: string): string {
  return [
    '[storage]',
    'driver = "overlay"',
    `graphroot = "${disk}/root"`,
    `runroot = "${disk}/run"`,
    '[storage.options]',
    'additionalimagestores = ["/var/lib/containers/storage"]',
  ].join('\n');
}

function mount(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

describeEachEngine('A container that cannot be removed', (engine) => {
  it('is shown as leaked, keeps its place, and is gone soon after the engine removes again', async () => {
    const image = await fixtureImage(engine);
    using bin = temporaryFolder();
    const fault = path.join(bin.path, 'removals-fail');
    const real = spawnSync('which', [engine], { encoding: 'utf8' }).stdout.trim();
    const script = `#!/bin/sh\n[ "$1" = rm ] && [ -e "${fault}" ] && echo "Error: the disk is on fire" >&2 && exit 125\nexec ${real} "$@"\n`;
    writeFileSync(path.join(bin.path, engine), script, { mode: 0o755 });
    const stubborn = {
      ...{ image, args: ['/servers/ignores-eof-and-sigterm.mjs'], network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', pool: { warm: 0, max: 1, acquireTimeout: '300ms' } },
    };
    const env = { PATH: `${bin.path}:${process.env['PATH'] ?? ''}` };
    await using bridge = await serve({ servers: { stubborn } }, { args: ['--engine', engine], env });
    const session = await RawSession.open(bridge.url, 'stubborn');
    writeFileSync(fault, '');
    expect(await session.delete()).toBe(200);
    const [leak] = await until('a leak', async () => {
      const { leaked } = await bridge.status();
      return leaked.length > 0 && leaked;
    });
    try {
      expect(leak).toMatchObject({ container: expect.stringMatching(/^gangway-stubborn-/), server: 'stubborn' });
      expect(leak?.attempts).toBeGreaterThanOrEqual(2);
      const { containers, servers } = await bridge.status();
      expect([containers, servers['stubborn']?.pool.retiring]).toEqual([1, 1]);
      const refused = await post(`${bridge.url}/stubborn/mcp`, initialize());
      expect(facts(refused)).toMatchObject({ status: 503, reason: 'ACQUIRE_TIMEOUT' });
      rmSync(fault);
      await until('it to be gone', async () => (await bridge.status()).containers === 0, { limitMs: 20_000 });
      expect((await bridge.status()).leaked).toEqual([]);
      const another = await RawSession.open(bridge.url, 'stubborn');
      expect(await another.delete()).toBe(200);
    } finally {
      if (leak) await removeContainers(engine, [leak.container]);
    }
  });
});
