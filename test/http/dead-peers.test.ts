import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { DeadPeers } from '../../src/http/dead-peers.ts';
import { ManualClock } from '../support/manual-clock.ts';

const onLinux = process.platform === 'linux' ? it : it.skip;

/** The row of a connection, as the kernel has it, with another count of repetitions. */
function row(table: 'tcp' | 'tcp6', { localPort = 0, remotePort = 0 }: Socket, retransmits: string): string {
  const port = (value: number): string => `:${value.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync(`/proc/self/net/${table}`, 'latin1')
    .split('\n')
    .find((text) => new RegExp(`${port(localPort)} \\w+${port(remotePort)} `).test(text));
  if (line === undefined) throw new Error('the connection is not in the table');
  const columns = line.trim().split(/\s+/);
  columns[6] = retransmits;
  return `  sl  local_address\n   ${columns.join(' ')}\n`;
}

/** A server's end of a real connection over loopback, and what ends it. */
async function connection(host: string): Promise<{ socket: Socket; end: () => void }> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, host === '::' ? '127.0.0.1' : host);
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const end = (): void => {
    socket.destroy();
    client.destroy();
    server.close();
  };
  return { socket, end };
}

describe('DeadPeers.check()', () => {
  onLinux.each([
    ['IPv4', '127.0.0.1', 'tcp'],
    ['IPv6', '::1', 'tcp6'],
    ['IPv4 in IPv6', '::', 'tcp6'],
  ] as const)('cuts a stream whose peer has not answered for long, over %s', async (_what, host, table) => {
    const dead = await connection(host);
    const alive = await connection(host);
    const tables = [row(table, dead.socket, '00000005'), row(table, alive.socket, '00000004')];
    const peers = new DeadPeers(
      () => [dead.socket, alive.socket],
      new ManualClock(),
      () => Promise.resolve(tables),
    );

    await peers.check();

    expect([dead.socket.destroyed, alive.socket.destroyed]).toEqual([true, false]);
    dead.end();
    alive.end();
  });

  it('reads no table while no stream is open', async () => {
    let reads = 0;
    const peers = new DeadPeers(
      () => [],
      new ManualClock(),
      () => {
        reads += 1;
        return Promise.resolve([]);
      },
    );

    await peers.check();

    expect(reads).toBe(0);
  });

  it('lets all live where the system has no such table', async () => {
    const { socket, end } = await connection('127.0.0.1');
    const peers = new DeadPeers(
      () => [socket],
      new ManualClock(),
      () => Promise.resolve(['', '']),
    );

    await peers.check();

    expect(socket.destroyed).toBe(false);
    end();
  });
});
