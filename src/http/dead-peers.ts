import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

const checkMs = 3000;
/** So many repetitions in a row without an answer take the kernel six seconds at the least. */
const maxRetransmits = 5;

/** The kernel's tables of TCP connections, as text. */
type ReadTables = () => Promise<string[]>;

/**
 * Cuts event streams whose peer is gone without a word (its cable, its power). The kernel repeats what is not
 * acknowledged for a quarter of an hour before it says so, and asks after an idle peer only when nothing is left to be
 * acknowledged; but it tells how often it has repeated. Where there is no such table (not Linux), the kernel's own
 * time-out counts.
 *
 * @see proc(5), /proc/net/tcp
 */
export class DeadPeers {
  readonly stop: () => void;
  readonly #streams: () => Iterable<Socket>;
  readonly #readTables: ReadTables;
  #isChecking = false;

  constructor(streams: () => Iterable<Socket>, clock: Clock, readTables: ReadTables = readProc) {
    this.#streams = streams;
    this.#readTables = readTables;
    this.stop = clock.every(checkMs, () => void this.check());
  }

  /** One look at all streams. Never rejects. */
  async check(): Promise<void> {
    const sockets = [...this.#streams()];
    if (this.#isChecking || sockets.length === 0) return;
    this.#isChecking = true;
    const silent = new Set((await this.#readTables()).flatMap(silentPeers));
    for (const socket of sockets) if (silent.has(keyOf(socket))) socket.destroy();
    this.#isChecking = false;
  }
}

async function readProc(): Promise<string[]> {
  const read = (name: string): Promise<string> => readFile(`/proc/self/net/${name}`, 'latin1').catch(() => '');
  return Promise.all([read('tcp'), read('tcp6')]);
}

/** Local port and remote address of each connection whose peer has not answered for long, as the table writes them. */
function silentPeers(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', remote, , , , retransmits = ''] = line.trim().split(/\s+/);
    const isSilent = remote !== undefined && parseInt(retransmits, 16) >= maxRetransmits;
    return isSilent ? [`${local.slice(local.indexOf(':') + 1)} ${remote}`] : [];
  });
}

function keyOf({ localPort = 0, remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${hex(localPort, 4)} ${addressHex(remoteAddress)}:${hex(remotePort, 4)}`;
}

/** An address as the table writes it: words of four bytes, the last byte of each first. */
function addressHex(address: string): string {
  const bytes = address.includes(':') ? bytesOfV6(address) : bytesOfV4(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.slice(4 * i, 4 * i + 4).reverse());
  return words
    .flat()
    .map((byte) => hex(byte, 2))
    .join('');
}

function bytesOfV4(address: string): number[] {
  return address.split('.').map(Number);
}

function bytesOfV6(address: string): number[] {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytesOfV4(dotted);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const start = groups(head);
  const end = groups(tail ?? '');
  const zeros = Array<string>(tail === undefined ? 0 : 8 - start.length - end.length).fill('0');
  return [...start, ...zeros, ...end].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function hex(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0');
}
