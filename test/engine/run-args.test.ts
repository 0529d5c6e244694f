import { describe, expect, it } from '@jest/globals';
import type { LaunchSpec } from '../../src/engine/engine.ts';
import { clientEnvironment, runArgs } from '../../src/engine/run-args.ts';

type ImageSpec = LaunchSpec & { source: { kind: 'image' } };

const plain: ImageSpec = {
  name: 'gangway-demo-0123456789ab',
  labels: {
    'io.gangway.instance': 'abc',
    'io.gangway.owner': 'space.1.2',
    'io.gangway.server': 'demo',
    'io.gangway.started': '1700000000',
  },
  source: { kind: 'image', image: 'docker.io/mcp/demo:1' },
  args: [],
  env: [],
  mounts: [],
  user: undefined,
  network: 'outbound',
  sandbox: 'default',
  resources: { cpus: 1, memoryBytes: 536870912, pids: 128 },
  lifetimeSeconds: 57660,
};
const podman = { kind: 'podman', isRemote: false } as const;
const remotePodman = { kind: 'podman', isRemote: true } as const;
const docker = { kind: 'docker', isRemote: false } as const;

const head = [
  ...['run', '--rm', '--interactive', '--name', 'gangway-demo-0123456789ab'],
  ...['--label', 'io.gangway.instance=abc', '--label', 'io.gangway.owner=space.1.2'],
  ...['--label', 'io.gangway.server=demo', '--label', 'io.gangway.started=1700000000'],
  ...['--init', '--stop-timeout', '1', '--pull', 'never'],
];
const confined = ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--ipc', 'none'];
const limited = ['--pids-limit', '128', '--memory', '536870912', '--memory-swap', '536870912', '--cpus', '1'];

function valueAfter(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at === -1 ? undefined : args[at + 1];
}

describe('runArgs()', () => {
  it('makes these arguments for a default server on Podman', () => {
    expect(runArgs(plain, podman)).toEqual([
      'run',
      '--rm',
      '--interactive',
      '--name',
      'gangway-demo-0123456789ab',
      '--label',
      'io.gangway.instance=abc',
      '--label',
      'io.gangway.owner=space.1.2',
      '--label',
      'io.gangway.server=demo',
      '--label',
      'io.gangway.started=1700000000',
      '--init',
      '--stop-timeout',
      '1',
      '--pull',
      'never',
      '--log-driver',
      'passthrough',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      '--ipc',
      'none',
      '--pids-limit',
      '128',
      '--memory',
      '536870912',
      '--memory-swap',
      '536870912',
      '--cpus',
      '1',
      '--timeout',
      '57660',
      '--http-proxy=false',
      '--',
      'docker.io/mcp/demo:1',
    ]);
  });

  it('makes these arguments for a default server on Docker', () => {
    expect(runArgs(plain, docker)).toEqual([
      'run',
      '--rm',
      '--interactive',
      '--name',
      'gangway-demo-0123456789ab',
      '--label',
      'io.gangway.instance=abc',
      '--label',
      'io.gangway.owner=space.1.2',
      '--label',
      'io.gangway.server=demo',
      '--label',
      'io.gangway.started=1700000000',
      '--init',
      '--stop-timeout',
      '1',
      '--pull',
      'never',
      '--log-driver',
      'none',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      '--ipc',
      'none',
      '--pids-limit',
      '128',
      '--memory',
      '536870912',
      '--memory-swap',
      '536870912',
      '--cpus',
      '1',
      '--',
      'docker.io/mcp/demo:1',
    ]);
  });

  it('makes these arguments for a default server on a remote Podman', () => {
    expect(runArgs(plain, remotePodman)).toEqual([
      ...head,
      ...['--log-driver', 'none'],
      ...confined,
      ...limited,
      ...['--timeout', '57660', '--http-proxy=false', '--', 'docker.io/mcp/demo:1'],
    ]);
  });

  it('makes these arguments for a strict server', () => {
    expect(runArgs({ ...plain, sandbox: 'strict', network: 'none' }, docker)).toEqual([
      ...head,
      ...['--log-driver', 'none'],
      ...confined,
      ...['--read-only', '--tmpfs', '/tmp:rw,noexec,nosuid,size=64m', '--user', '65534:65534', '--network', 'none'],
      ...limited,
      ...['--', 'docker.io/mcp/demo:1'],
    ]);
  });

  it('makes these arguments for a server with mounts, a user, arguments, no limits and no network', () => {
    const spec: ImageSpec = {
      ...plain,
      args: ['--verbose', '--', '-x'],
      env: [
        { name: 'API_KEY', value: 'hunter2hunter2', secret: true },
        { name: 'MODE', value: 'fast', secret: false },
      ],
      mounts: [
        { kind: 'volume', from: 'memory-data', to: '/data', readOnly: false },
        { kind: 'bind', from: '/srv/files', to: '/files', readOnly: true },
      ],
      user: '1000:1000',
      network: 'none',
      resources: { cpus: 0, memoryBytes: 0, pids: 0 },
    };
    expect(runArgs(spec, podman)).toEqual([
      ...head,
      ...['--log-driver', 'passthrough'],
      ...confined,
      ...['--user', '1000:1000', '--network', 'none', '--timeout', '57660', '--http-proxy=false'],
      ...['--mount', 'type=volume,src=memory-data,dst=/data'],
      ...['--mount', 'type=bind,src=/srv/files,dst=/files,readonly'],
      ...['--env', 'API_KEY', '--env', 'MODE'],
      ...['--', 'docker.io/mcp/demo:1', '--verbose', '--', '-x'],
    ]);
  });

  it('takes the user of the file before the one of strict', () => {
    const args = runArgs({ ...plain, sandbox: 'strict', user: 'node' }, podman);
    expect(valueAfter(args, '--user')).toBe('node');
  });

  it('keeps the network of a strict server to which the file gives one', () => {
    expect(runArgs({ ...plain, sandbox: 'strict', network: 'outbound' }, podman)).not.toContain('--network');
  });

  it.each([
    ['pids', { cpus: 1, memoryBytes: 1, pids: 0 }, '--pids-limit'],
    ['memory', { cpus: 1, memoryBytes: 0, pids: 1 }, '--memory'],
    ['swap', { cpus: 1, memoryBytes: 0, pids: 1 }, '--memory-swap'],
    ['cpus', { cpus: 0, memoryBytes: 1, pids: 1 }, '--cpus'],
  ])('leaves the limit of %s out when it is 0', (_what, resources, flag) => {
    expect(runArgs({ ...plain, resources }, docker)).not.toContain(flag);
  });

  it('passes a fraction of a CPU as it is', () => {
    const resources = { cpus: 0.5, memoryBytes: 0, pids: 0 };
    expect(valueAfter(runArgs({ ...plain, resources }, docker), '--cpus')).toBe('0.5');
  });

  it.each([podman, remotePodman, docker])('has no value of a variable in it, secret or not ($kind)', (dialect) => {
    const env = [
      { name: 'TOKEN', value: 'canary-secret-1', secret: true },
      { name: 'SETTING', value: 'canary-plain-2', secret: false },
    ];
    expect(runArgs({ ...plain, env }, dialect).join('\n')).not.toMatch(/canary/);
  });

  it.each(['PATH', 'HOME', 'DOCKER_HOST', 'CONTAINER_HOST', 'XDG_RUNTIME_DIR', 'LD_PRELOAD', 'SSH_AUTH_SOCK'])(
    'passes %s in full, since it would steer the client',
    (name) => {
      const env = [{ name, value: '/elsewhere', secret: false }];
      expect(valueAfter(runArgs({ ...plain, env }, podman), '--env')).toBe(`${name}=/elsewhere`);
    },
  );

  it('passes a variable by its name when it only begins like one of the client', () => {
    const env = [{ name: 'PATHOLOGY', value: 'x', secret: false }];
    expect(valueAfter(runArgs({ ...plain, env }, podman), '--env')).toBe('PATHOLOGY');
  });

  it('lets nothing after the image be taken for a flag of the engine', () => {
    const args = runArgs({ ...plain, args: ['--privileged'] }, docker);
    expect(args.slice(args.indexOf('--'))).toEqual(['--', 'docker.io/mcp/demo:1', '--privileged']);
  });

  it('never asks for a privilege', () => {
    const args = runArgs(plain, docker).join(' ');
    expect(args).not.toMatch(/--(privileged|cap-add|device|pid|userns|volumes-from)\b(?!-limit)|host|unconfined/);
  });
});

describe('clientEnvironment()', () => {
  const parent = {
    PATH: '/usr/bin',
    HOME: '/home/me',
    XDG_RUNTIME_DIR: '/run/user/1000',
    DOCKER_HOST: 'unix:///run/docker.sock',
    CONTAINER_HOST: 'ssh://podman',
    CONTAINERS_STORAGE_CONF: '/etc/storage.conf',
    SSH_AUTH_SOCK: '/tmp/agent',
    LANG: 'C.UTF-8',
    HTTPS_PROXY: 'http://proxy',
  };

  it('inherits what the client needs to find its engine', () => {
    expect(clientEnvironment(parent, [])).toEqual(parent);
  });

  it.each([
    'AWS_SECRET_ACCESS_KEY',
    'GITHUB_TOKEN',
    'NPM_TOKEN',
    'BRAVE_API_KEY',
    'NODE_OPTIONS',
    'GANGWAY_INSTANCE',
    'LD_PRELOAD',
    'PATH_CANARY',
    'MY_PATH',
    'DOCKER_AUTH_CONFIG',
    'DOCKER_PASSWORD',
    'XDG_SESSION_TOKEN',
    'LC_',
    'http_proxy_password',
  ])('does not inherit %s', (name) => {
    expect(clientEnvironment({ ...parent, [name]: 'canary' }, [])).toEqual(parent);
  });

  it('leaves out a variable without a value', () => {
    expect(clientEnvironment({ PATH: undefined }, [])).toEqual({});
  });

  it('carries the values of the server’s variables', () => {
    const env = [{ name: 'API_KEY', value: 's3cret', secret: true }];
    expect(clientEnvironment({}, env)).toEqual({ API_KEY: 's3cret' });
  });

  it('keeps the client’s own value of a variable that steers it', () => {
    const env = [{ name: 'PATH', value: '/evil', secret: false }];
    expect(clientEnvironment(parent, env)['PATH']).toBe('/usr/bin');
  });

  const steering = Object.keys(parent).filter((name) => !/^LANG$|PROXY$/.test(name));
  it.each([...steering, 'DBUS_SESSION_BUS_ADDRESS', 'XDG_CONFIG_HOME', 'DOCKER_CONFIG', 'TMPDIR'])(
    'never lets a server’s %s steer the client',
    (name) => {
      const env = [{ name, value: 'of-the-server', secret: false }];
      expect(clientEnvironment({ ...parent, [name]: 'of-the-client' }, env)[name]).toBe('of-the-client');
    },
  );
});
