import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { connect, initialize, post, RawSession } from '../support/mcp-client.ts';
import { isAlive } from '../support/processes.ts';
import { fixture, gangway, serve, temporaryFolder, writeConfig } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(20_000);

const config = {
  servers: {
    contained: { image: 'docker.io/mcp/fetch' },
    plain: { command: fixture('well-behaved'), pool: { warm: 0 } },
  },
};

/** A PATH on which there is Node and nothing else. */
function emptyPath(): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  symlinkSync(process.execPath, path.join(folder.path, 'node'));
  return folder;
}

/** A program on such a PATH. */
function program(folder: string, name: string, script: string): void {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

describe('Without a container engine', () => {
  it('a bridge is alive, not ready, and says what it looked for; plain processes are served', async () => {
    using bin = emptyPath();
    await using bridge = await serve(config, { args: ['--allow-process'], env: { PATH: bin.path } });
    expect((await fetch(`${bridge.url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${bridge.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'not ready', reason: 'engine_unavailable' }]);
    const { ms, result: refused } = await timed(() => post(`${bridge.url}/contained/mcp`, initialize()));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.message?.error?.data?.gangway).toMatchObject({ reason: 'ENGINE_UNAVAILABLE', retryable: true });
    expect(refused.message?.error?.message).toContain('podman: not found on PATH; docker: not found on PATH');
    expect(ms).toBeLessThan(1000);
    const session = await RawSession.open(bridge.url, 'plain');
    expect(await session.delete()).toBe(200);
  });

  it('the reason of each engine that is there and does not work is shown', async () => {
    using bin = emptyPath();
    program(bin.path, 'podman', 'echo "cannot clone: Operation not permitted" >&2; exit 125');
    program(bin.path, 'docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    await using bridge = await serve(config, { env: { PATH: bin.path } });
    const { engine } = await bridge.status();
    expect(engine.missing).toContain('podman: cannot clone: Operation not permitted');
    expect(engine.missing).toContain('docker: Cannot connect to the Docker daemon');
  });

  it('it becomes ready when an engine appears', async () => {
    using bin = emptyPath();
    await using bridge = await serve(config, { env: { PATH: bin.path } });
    expect((await fetch(`${bridge.url}/readyz`)).status).toBe(503);
    const answer = '{"host":{"serviceIsRemote":false},"version":{"Version":"9.9.9"}}';
    program(bin.path, 'podman', `case "$1" in info) echo '${answer}';; ps) echo '[]';; *) exit 125;; esac`);
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok);
    expect((await bridge.status()).engine).toMatchObject({ kind: 'podman', version: '9.9.9' });
  });

  it('a signal while it is still looked for ends the bridge at once, exit code 0', async () => {
    using bin = emptyPath();
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, config);
    // The engine that hangs sends the signal itself: no moment is more in the middle of the start. Its parent is the launcher.
    const bridge = 'read -r _ _ _ bridge _ < "/proc/$PPID/stat"';
    program(bin.path, 'podman', `echo "$$" >> "$0.pids"; ${bridge}; kill -TERM "$bridge"; exec /bin/sleep 60`);
    const args = ['serve', '--config', file, '--port', '0', '--allow-process'];
    const { ms, result } = await timed(() => gangway(args, { env: { PATH: bin.path } }));
    expect([result.code, result.stdout]).toEqual([0, '']);
    expect(ms).toBeLessThan(5000);
    const pids = readFileSync(path.join(bin.path, 'podman.pids'), 'utf8').trim().split('\n').map(Number);
    await until('them to be gone', () => !pids.some(isAlive));
  });

  it('check says so for each server that needs one, exit code 1', async () => {
    using bin = emptyPath();
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, config);
    const { code, stdout } = await gangway(['check', '-c', file, '--allow-process'], { env: { PATH: bin.path } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ contained: Cannot find a container engine/);
    expect(stdout).toMatch(/✓ plain/);
  });

  it('ps fails with the reason', async () => {
    using bin = emptyPath();
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, config);
    const { code, stdout, stderr } = await gangway(['ps', '-c', file], { env: { PATH: bin.path } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('Cannot find a container engine');
  });

  it('the embedded examples are served as plain processes when that is asked for', async () => {
    using bin = emptyPath();
    await using bridge = await serve(config, { args: ['--examples-without-engine'], env: { PATH: bin.path } });
    expect(bridge.stderr.join('\n')).toContain('Serving the embedded examples as plain processes instead');
    await using connected = await connect(bridge.url, 'everything');
    const result = await connected.client.callTool({ name: 'echo', arguments: { message: 'hello' } });
    expect(JSON.stringify(result.content)).toContain('hello');
  });
});
