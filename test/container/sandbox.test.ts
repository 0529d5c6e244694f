import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fixtureImage } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { commandLines } from '../support/processes.ts';
import { serve, type Program } from '../support/program.ts';

jest.setTimeout(containerTestMs);

const canary = `canary-${process.pid}-${Math.random().toString(36).slice(2)}`;

describeEachEngine('The sandbox', (engine) => {
  let bridge: Program;
  const sessions = new Map<string, RawSession>();

  beforeAll(async () => {
    const image = await fixtureImage(engine);
    const env = { API_TOKEN: '${GANGWAY_TEST_CANARY}', PLAIN: 'in the file', DOCKER_HOST: 'unix:///for/the/server' };
    const inspector = {
      ...{ image, args: ['/servers/inspector.mjs'], pull: 'never', env, startTimeout: '60s', pool: { warm: 0 } },
      resources: { memory: '128m', pids: 64, cpus: 0.5 },
    };
    const servers = {
      default: inspector,
      strict: { ...inspector, sandbox: 'strict' },
      'no-network': { ...inspector, network: 'none' },
    };
    bridge = await serve(
      { servers },
      {
        args: ['--engine', engine, '--log-level', 'trace'],
        env: {
          ...{ GANGWAY_TEST_CANARY: canary, GANGWAY_TEST_OTHER: 'not for servers' },
          ...{ http_proxy: 'http://proxy.example', HTTPS_PROXY: 'http://proxy.example' },
        },
      },
    );
    for (const name of Object.keys(servers)) sessions.set(name, await RawSession.open(bridge.url, name));
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  const ask = async (server: string, tool: string, args: object = {}): Promise<string> =>
    textOf((await sessions.get(server)!.call(tool, args)).message?.result);

  describe.each(['default', 'strict', 'no-network'])('of the server %s', (server) => {
    it('has no capability, no way to new privileges, and a seccomp filter', async () => {
      const status = await ask(server, 'read', { path: '/proc/self/status' });
      const value = (key: string): string | undefined => new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(status)?.[1];
      expect({
        effective: value('CapEff'),
        permitted: value('CapPrm'),
        bounding: value('CapBnd'),
        noNewPrivileges: value('NoNewPrivs'),
        seccomp: value('Seccomp'),
      }).toEqual({
        ...{ effective: '0000000000000000', permitted: '0000000000000000', bounding: '0000000000000000' },
        ...{ noNewPrivileges: '1', seccomp: '2' },
      });
    });

    it('has the variables that its entry declares, those of its image, and no other', async () => {
      const env = JSON.parse(await ask(server, 'env')) as Record<string, string>;
      expect(env).toMatchObject({ API_TOKEN: canary, PLAIN: 'in the file', DOCKER_HOST: 'unix:///for/the/server' });
      const known = /^(API_TOKEN|PLAIN|DOCKER_HOST|PATH|HOME|HOSTNAME|TERM|container|NODE_VERSION|YARN_VERSION)$/;
      expect(Object.keys(env).filter((name) => !known.test(name))).toEqual([]);
    });
  });

  it('keeps a secret out of every command line, the log and /status', async () => {
    const status = await (await fetch(`${bridge.url}/status`)).text();
    for (const text of [...commandLines(), status, ...bridge.stdout, ...bridge.stderr])
      expect(text).not.toContain(canary);
  });

  it('when strict: a root that is read-only, a /tmp that is not, and a user that is not root', async () => {
    expect(await ask('strict', 'write', { path: '/servers/x' })).toMatch(/^(EROFS|EACCES)$/);
    expect(await ask('strict', 'read', { path: '/proc/self/mounts' })).toMatch(/^\S+ \/ \S+ ro[,\s]/m);
    expect(await ask('strict', 'write', { path: '/tmp/x' })).toBe('written');
    expect(await ask('strict', 'user')).toBe('65534:65534');
  });

  it.each(['strict', 'no-network'])('of the server %s has no network but its own loopback', async (server) => {
    const devices = await ask(server, 'read', { path: '/proc/net/dev' });
    expect(devices.split('\n').flatMap((line) => /^\s*(\S+):/.exec(line)?.[1] ?? [])).toEqual(['lo']);
  });

  it('by default has a network of its own, which is not the host’s', async () => {
    const devices = await ask('default', 'read', { path: '/proc/net/dev' });
    expect(devices).toContain('eth0');
    expect(devices).not.toMatch(/docker0|podman0|cni-podman/);
  });

  it('is shown in /status', async () => {
    const { servers } = await bridge.status();
    expect(servers['strict']?.sandbox).toMatchObject({
      level: 'strict',
      network: 'none',
      memoryBytes: 128 * 1024 ** 2,
    });
  });
});
