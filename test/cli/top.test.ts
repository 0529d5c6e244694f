import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { printable } from '../../src/base/printable.ts';
import { parseArguments } from '../../src/cli/args.ts';
import type { Output } from '../../src/cli/output.ts';
import { enterPage, frame, leavePage, type Screen } from '../../src/cli/screen.ts';
import { top } from '../../src/cli/top.ts';
import { until } from '../support/until.ts';

/** A terminal whose size a test sets and whose reader it can take away. */
class FakeScreen implements Screen {
  readonly isTerminal = true;
  width = 100;
  height = 24;
  readonly written: string[] = [];
  resized: () => void = () => undefined;
  gone: () => void = () => undefined;

  write(text: string): void {
    this.written.push(text);
  }

  watch(run: () => void, gone: () => void): void {
    [this.resized, this.gone] = [run, gone];
  }

  get frames(): string[] {
    return this.written.filter((text) => text.startsWith('\u001b[H'));
  }
}

let bridge: Server;
let screen: FakeScreen;
let complaints: string[];
let servers: Record<string, object>;

const output: Output = {
  isTerminal: true,
  line: () => undefined,
  write: () => undefined,
  complain: (text) => complaints.push(text),
  json: () => undefined,
};

beforeEach(async () => {
  [screen, complaints, servers] = [new FakeScreen(), [], { demo: { pool: { warm: 1 } } }];
  bridge = createServer((_request, response) => {
    response.end(JSON.stringify({ version: '1.2.3', servers }));
  });
  await once(bridge.listen(0, '127.0.0.1'), 'listening');
});

afterEach(() => {
  bridge.close();
});

function start(): Promise<number> {
  const { port } = bridge.address() as AddressInfo;
  return top(parseArguments(['top', '--host', '127.0.0.1', '--port', String(port)]), {}, output, screen);
}

describe('gangway top on a terminal', () => {
  it('draws again every second on a page of its own, and leaves it when it ends', async () => {
    const ended = start();
    await until('a picture', () => screen.frames.length === 1);
    servers['second'] = { pool: {} };
    await until('the next', () => screen.frames.length === 2);
    screen.gone();
    expect(await ended).toBe(0);
    expect(screen.written[0]).toBe(enterPage);
    expect(screen.frames[0]).toContain('demo');
    expect(screen.frames[0]).not.toContain('second');
    expect(screen.frames[1]).toContain('second');
    expect(screen.written.at(-1)).toBe(leavePage);
  });

  it('draws at once when the size changes, as wide as it is now', async () => {
    const ended = start();
    await until('a picture', () => screen.frames.length === 1);
    screen.width = 30;
    screen.resized();
    const narrow = screen.frames.at(-1) ?? '';
    screen.gone();
    await ended;
    expect(screen.frames[0]).toContain('STARTING');
    expect(narrow).not.toContain('STARTING');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves its page and ends with 0 at %s', async (signal) => {
    const ended = start();
    await until('a picture', () => screen.frames.length === 1);
    process.emit(signal);
    expect(await ended).toBe(0);
    expect(screen.written.at(-1)).toBe(leavePage);
  });

  it('waits for a bridge that has gone to come back', async () => {
    const ended = start();
    await until('a picture', () => screen.frames.length === 1);
    const { port } = bridge.address() as AddressInfo;
    await new Promise((resolve) => bridge.close(resolve));
    await until('word of it', () => screen.frames.at(-1)?.includes('nothing listens there'));
    await once(bridge.listen(port, '127.0.0.1'), 'listening');
    await until('the table', () => screen.frames.at(-1)?.includes('demo'));
    screen.gone();
    expect(await ended).toBe(0);
  });

  it('ends with 1 when there is no bridge in the first place', async () => {
    const { port } = bridge.address() as AddressInfo;
    await new Promise((resolve) => bridge.close(resolve));
    const args = parseArguments(['top', '--host', '127.0.0.1', '--port', String(port)]);
    expect(await top(args, {}, output, screen)).toBe(1);
    expect(complaints).toEqual([
      `Cannot reach Gangway at http://127.0.0.1:${port}: nothing listens there; is it running, and with this file?`,
    ]);
    expect(screen.written).toEqual([]);
  });
});

describe('frame()', () => {
  it('writes over the picture before, line by line, and clears nothing first', () => {
    expect(frame(['one', 'two'], 10)).toBe('\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J');
  });

  it('fits a terminal that is too low, and says how much is hidden', () => {
    const lines = Array.from({ length: 10 }, (_, i) => `line ${i}`);
    const texts = (height: number): string[] => frame(lines, height).slice('\u001b[H'.length).split('\r\n');
    expect(texts(10)).toHaveLength(10);
    expect(texts(4).map(printable)).toEqual(['line 0', 'line 1', 'line 2', '… 7 more']);
  });
});
