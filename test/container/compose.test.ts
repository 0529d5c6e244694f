import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { containersOf, labelOf, remaining, removeContainers, startForeign } from '../support/containers.ts';
import { containerTestMs, describeEachEngine, type EngineName } from '../support/engines.ts';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { temporaryFolder } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

// The files that people start the service with, through the tool that they start it with.
jest.setTimeout(containerTestMs);

const root = fileURLToPath(new URL('../../', import.meta.url));
const nodeImage = 'docker.io/library/node:22-bookworm-slim';
/** On a busy machine a build from nothing takes its time. */
const buildMs = 480_000;

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;
const isRequired = (process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') !== '';
if (hasCompose || isRequired) describeEachEngine('docker compose up', suite);
else
  describe.skip('docker compose up', () => {
    it.todo('needs "docker compose"');
  });

describe('compose.podman.yaml', () => {
  it('differs from compose.yaml only in how the service is reached, and in where the socket is', () => {
    const [docker, podman] = ['compose.yaml', 'compose.podman.yaml'].map((name) => {
      const file = parse(readFileSync(path.join(root, name), 'utf8')) as { services: { gangway: object } };
      return Object.entries(file.services.gangway).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
    });
    const only = (one: string[] = [], other: string[] = []) =>
      one.filter((entry) => !other.includes(entry)).map((entry) => entry.split(':', 1)[0]);
    expect(only(docker, podman).sort()).toEqual(['command', 'healthcheck', 'ports', 'volumes']);
    expect(only(podman, docker).sort()).toEqual(['command', 'healthcheck', 'network_mode', 'volumes']);
  });
});

function suite(engine: EngineName): void {
  let project: Project;
  let container: string;
  const former = `gangway-compose-test-former-${process.pid}`;
  const stranger = `compose-test-stranger-${process.pid}`;

  beforeAll(async () => {
    project = await openProject(engine);
    const elsewhere = { 'io.gangway.owner': 'elsewhere.1.1', 'io.gangway.server': 'everything' };
    const image = 'docker.io/mcp/everything';
    await startForeign(engine, image, former, { ...elsewhere, 'io.gangway.instance': project.instance });
    await startForeign(engine, image, stranger, { ...elsewhere, 'io.gangway.instance': `not-${project.instance}` });
    await project.compose('up', '--detach', '--build');
    container = await project.compose('ps', '-q', 'gangway');
    await until('the service to be ready', async () => (await fetch(`${project.url}/readyz`)).ok, { limitMs: 60_000 });
  }, buildMs);

  afterAll(async () => {
    await project.compose('down', '--rmi', 'local', '--volumes').catch(() => undefined);
    // One by one: Podman removes none when it misses one.
    for (const name of [former, stranger]) await removeContainers(engine, [name]);
    await project.close();
  });

  it('becomes healthy', async () => {
    // Podman leaves its health timers to systemd, which need not be there: ask for one check.
    const look = {
      docker: async () => (await project.docker('inspect', '-f', '{{.State.Health.Status}}', container)) === 'healthy',
      podman: () => spawnSync(engine, ['healthcheck', 'run', container]).status === 0,
    };
    expect(await until('healthy', look[engine], { limitMs: 60_000, everyMs: 200 })).toBe(true);
  });

  it('runs without root, without capabilities, on a read-only file system', async () => {
    const [facts] = JSON.parse(await project.docker('inspect', container)) as [ContainerFacts];
    expect(facts.Config.User).toBe('1000:1000');
    expect(facts.HostConfig).toMatchObject({ ReadonlyRootfs: true, Privileged: false });
    expect(facts.HostConfig.SecurityOpt).toEqual(expect.arrayContaining([expect.stringMatching('no-new-privileges')]));
    const status = await project.docker('exec', container, 'cat', '/proc/self/status');
    expect(status).toMatch(/^Uid:\s+1000\s/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    await expect(project.docker('exec', container, 'touch', '/app/new')).rejects.toThrow('Read-only file system');
  });

  it('is published on loopback only', async () => {
    const [facts] = JSON.parse(await project.docker('inspect', container)) as [ContainerFacts];
    const addresses = Object.values(facts.HostConfig.PortBindings ?? {}).flatMap((ports) =>
      ports.map(({ HostIp }) => HostIp),
    );
    const command = facts.Config.Cmd.join(' ');
    if (engine === 'docker') expect(addresses).toEqual(['127.0.0.1']);
    else expect(command).toContain('--host 127.0.0.1');
    expect(facts.HostConfig.NetworkMode === 'host').toBe(engine === 'podman');
  });

  it('serves a sibling container with its labels', async () => {
    const session = await RawSession.open(project.url, 'everything');
    const { message: listed } = await session.request('tools/list');
    expect(JSON.stringify(listed?.result)).toContain('"get-sum"');
    const { message: called } = await session.call('get-sum', { a: 40, b: 2 });
    expect(textOf(called?.result)).toContain('42');

    // One that was only asked what it speaks may be gone before it is looked at.
    const labelled = async (): Promise<string[]> => {
      const siblings = await containersOf(engine, project.instance);
      return Promise.all(siblings.map(({ name }) => labelOf(engine, name, 'io.gangway.server').catch(() => '')));
    };
    expect(await labelled()).toContain('everything');
    expect(await session.delete()).toBe(200);
  });

  it('is operated from inside; the port that Docker publishes is somewhere else', async () => {
    const port = engine === 'podman' ? new URL(project.url).port : '8808';
    const top = await project.docker('exec', container, 'node', 'dist/main.js', 'top', '--port', port);
    expect(top).toMatch(/^Gangway .* · ready$/m);
    expect(top).toMatch(/^everything +/m);
    // On Podman it shares the host's network, and so its loopback.
    expect((await fetch(`${project.url}/admin/status`)).status).toBe(engine === 'podman' ? 200 : 403);
  });

  it('removes what a former container of the same project left behind, and nothing else', async () => {
    await until('the leftover to be gone', async () => (await remaining(engine, [former])).length === 0);
    expect(await remaining(engine, [stranger])).toEqual([stranger]);
  });

  it('stops within its grace period, exits 0 and leaves no container', async () => {
    await RawSession.open(project.url, 'everything');
    expect(await containersOf(engine, project.instance)).not.toEqual([]);
    const { ms } = await timed(() => project.compose('stop'));
    expect(ms).toBeLessThan(30_000);
    expect(await project.docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', container)).toBe('exited 0');
    expect(await containersOf(engine, project.instance)).toEqual([]);
  });
}

interface ContainerFacts {
  readonly Config: { readonly User: string; readonly Cmd: readonly string[] };
  readonly HostConfig: {
    readonly NetworkMode: string;
    readonly SecurityOpt: readonly string[];
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string }[]>> | null;
  };
}

interface Project {
  readonly url: string;
  /** What the service's containers carry in `io.gangway.instance`. */
  readonly instance: string;
  compose(...args: string[]): Promise<string>;
  docker(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/** A Compose project of its own name and port on one engine. */
async function openProject(engine: EngineName): Promise<Project> {
  const port = await freePort();
  const socket = engine === 'podman' ? await serveApi(engine) : dockerSocket();
  const file = engine === 'podman' ? 'compose.podman.yaml' : 'compose.yaml';
  const env = {
    ...process.env,
    ...{ GANGWAY_PORT: String(port), NODE_IMAGE: nodeImage, ...socket.env },
  };
  const run = async (args: readonly string[]): Promise<string> => {
    const options = { cwd: root, env, maxBuffer: 64 * 1024 * 1024 };
    return (await promisify(execFile)('docker', args, options)).stdout.trim();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    instance: `compose-${port}`,
    compose: (...args) => run(['compose', '--file', file, '--project-name', `gangway-test-${port}`, ...args]),
    docker: (...args) => run(args),
    close: () => socket.close(),
  };
}

interface Socket {
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

function dockerSocket(): Socket {
  const file = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');
  return { env: { ENGINE_SOCKET: file, ENGINE_GID: String(statSync(file).gid) }, close: () => Promise.resolve() };
}

/** Podman's socket as its systemd unit makes it: its group may use it. */
async function serveApi(podman: EngineName): Promise<Socket> {
  const folder = temporaryFolder();
  const socket = path.join(folder.path, 'podman/podman.sock');
  mkdirSync(path.dirname(socket));
  const service = spawn(podman, ['system', 'service', '--time=0', `unix://${socket}`], { stdio: 'ignore' });
  const last = (): void => void service.kill();
  process.once('exit', last);
  await until('the socket of Podman', () => existsSync(socket), { limitMs: 30_000 });
  chmodSync(socket, 0o660);
  return {
    env: { DOCKER_HOST: `unix://${socket}`, XDG_RUNTIME_DIR: folder.path, ENGINE_GID: String(statSync(socket).gid) },
    close: async () => {
      process.off('exit', last);
      const ended = once(service, 'exit');
      service.kill();
      await ended;
      folder[Symbol.dispose]();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
