import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { until } from './until.ts';

/** A machine of its own, as far as the network is concerned: it can vanish without a word. */
export interface FarMachine extends Disposable {
  /** Our address as it sees it, and its own. */
  readonly near: string;
  readonly far: string;
  /** Opens a GET stream from there; resolves when the stream has begun. */
  listen(port: number, server: string, sessionId: string): Promise<FarStream>;
  /** From now on nothing that is sent to it arrives, and nobody says so. */
  vanish(): void;
}

interface FarStream {
  /** Everything that it has received. */
  text(): string;
}

/** Whether this process may make network namespaces: on Linux, as root, with iproute2. */
export function canMakeMachines(): boolean {
  const name = `gw-probe-${process.pid}`;
  try {
    run('ip', 'netns', 'add', name);
    run('ip', 'netns', 'del', name);
    return true;
  } catch {
    return false;
  }
}

/** @param number tells several at once apart, from 0 to 60 */
export function makeMachine(number: number): FarMachine {
  const space = `gw-${process.pid}-${number}`;
  const [here, there] = [`gw${process.pid}${number}h`, `gw${process.pid}${number}t`].map((name) => name.slice(-15));
  // Of this process alone: the same test may run twice on one machine.
  const net = `10.${200 + ((process.pid >> 8) % 50)}.${process.pid % 256}`;
  const [near, far] = [`${net}.${4 * number + 1}`, `${net}.${4 * number + 2}`];
  const children: ChildProcess[] = [];
  const dispose = (): void => {
    for (const child of children) child.kill('SIGKILL');
    // The pair of links goes with the namespace.
    run('ip', 'netns', 'del', space);
  };
  run('ip', 'netns', 'add', space);
  try {
    run('ip', 'link', 'add', here!, 'type', 'veth', 'peer', 'name', there!, 'netns', space);
    run('ip', 'addr', 'add', `${near}/30`, 'dev', here!);
    run('ip', 'link', 'set', here!, 'up');
    run('ip', '-n', space, 'addr', 'add', `${far}/30`, 'dev', there!);
    run('ip', '-n', space, 'link', 'set', there!, 'up');
    // As with a machine behind a router: that it is gone cannot be seen on the link either.
    const address = /link\/ether (\S+)/.exec(run('ip', '-n', space, 'link', 'show', there!))?.[1] ?? '';
    run('ip', 'neigh', 'replace', far, 'dev', here!, 'lladdr', address, 'nud', 'permanent');
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    near,
    far,
    listen: async (port, server, sessionId) => {
      const child = spawn(
        'ip',
        ['netns', 'exec', space, process.execPath, '-e', client, `${port}`, near, server, sessionId],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      children.push(child);
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await until('a stream to the far machine', () => text.includes('text/event-stream'));
      return { text: () => text };
    },
    vanish: () => {
      run('ip', '-n', space, 'addr', 'flush', 'dev', there!);
    },
    [Symbol.dispose]: dispose,
  };
}

/** How many connections of ours to a machine the kernel takes for established. */
export function connectionsTo(address: string): number {
  const hex = address
    .split('.')
    .reverse()
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
  const tables = ['tcp', 'tcp6'].map((name) => run('cat', `/proc/net/${name}`)).join('\n');
  return tables.split('\n').filter((line) => new RegExp(`${hex}:[0-9A-F]{4} 01 `).test(line)).length;
}

/** Asks for an event stream and shows what comes. */
const client = `
const [port, host, server, session] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), host, () => {
  socket.write('GET /' + server + '/mcp HTTP/1.1\\r\\nHost: 127.0.0.1:' + port + '\\r\\n' +
    'Accept: text/event-stream\\r\\nMcp-Session-Id: ' + session + '\\r\\n\\r\\n');
});
socket.on('data', (chunk) => process.stdout.write(chunk));
`;

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
