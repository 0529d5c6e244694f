import { describe, expect, it, jest } from '@jest/globals';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { residentBytes } from '../support/processes.ts';
import { fixture, gangway, serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(60_000);

const servers = { loud: { command: fixture('floods-stderr') }, quiet: { command: fixture('well-behaved') } };
const forged = '{"level":30,"time":"2030-01-01T00:00:00.000Z","msg":"forged: all is well"}';

function start(): Promise<Program> {
  // A small nursery: garbage that nobody has collected yet must not look like memory that is kept.
  const env = { NODE_OPTIONS: '--max-semi-space-size=1' };
  return serve({ servers }, { args: ['--allow-process', '--log-level', 'trace'], env });
}

interface Flooded {
  readonly answer: string;
  /** Of calls on the same session and on that of another server, in milliseconds. */
  readonly latencies: number[];
  readonly growthBytes: number;
}

/** Floods 100 MB, and calls all the while. */
async function flood(bridge: Program, loud: RawSession, kind: string): Promise<Flooded> {
  const quiet = await RawSession.open(bridge.url, 'quiet');
  const before = residentBytes(bridge.pid);
  const state = { isOver: false };
  const flooding = loud.call('flood', { megabytes: 100, kind }).finally(() => (state.isOver = true));
  const latencies: number[] = [];
  let peak = before;
  while (!state.isOver) {
    for (const session of [loud, quiet]) {
      const { ms, result } = await timed(() => session.call('echo', { text: 'still here' }));
      expect(textOf(result.message?.result)).toBe('still here');
      latencies.push(ms);
    }
    peak = Math.max(peak, residentBytes(bridge.pid));
  }
  return { answer: textOf((await flooding).message?.result), latencies, growthBytes: peak - before };
}

describe('A server that floods stderr', () => {
  it.each(['endless', 'binary', 'ansi', 'lines'])(
    'with 100 MB (%s) answers, delays nobody, and fills no memory',
    async (kind) => {
      await using bridge = await start();
      const loud = await RawSession.open(bridge.url, 'loud');
      const { answer, latencies, growthBytes } = await flood(bridge, loud, kind);
      note(`${kind}: a call beside it takes ${Math.round(Math.max(...latencies))} ms at the most`, growthBytes);
      expect(answer).toBe('flooded');
      expect(latencies.length).toBeGreaterThan(1);
      expect(Math.max(...latencies)).toBeLessThan(2000);
      expect(growthBytes).toBeLessThan(64 * 1024 ** 2);
    },
  );

  it('is followed at 100 lines a second, none longer than 8 KiB, and what is left out is counted', async () => {
    await using bridge = await start();
    const loud = await RawSession.open(bridge.url, 'loud');
    const { body } = await fetch(`${bridge.url}/admin/logs/loud?follow=1&lines=0`);
    let text = '';
    const reading = (async () => {
      for await (const part of body!.pipeThrough(new TextDecoderStream())) text += part;
    })();
    const { ms } = await timed(async () => {
      for (const kind of ['binary', 'ansi', 'lines']) await flood(bridge, loud, kind);
    });
    await loud.delete();
    await until('the end of the container', () => text.includes(' * ended with exit code 0\n'));
    await bridge.stop();
    await reading;
    const lines = text.split('\n').slice(0, -1);
    expect(lines.every((line) => /^gangway-loud-\w+ [|*] /.test(line))).toBe(true);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(8192 + 40);
    // eslint-disable-next-line no-control-regex -- these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    const given = lines.filter((line) => line.includes(' | ')).length;
    expect(given).toBeLessThanOrEqual(100 * (Math.ceil(ms / 1000) + 1));
    const leftOut = lines.flatMap((line) => /\* (\d+) lines left out/.exec(line)?.[1] ?? []).map(Number);
    // 100 MB of two bytes each are most of them.
    const count = leftOut.reduce((sum, more) => sum + more, given);
    expect(count).toBeGreaterThan(50 * 1024 ** 2);
    expect(count).toBeLessThan(55 * 1024 ** 2);
  });

  it('and then dies has its last words in the error and the log, where they are text', async () => {
    await using bridge = await start();
    const loud = await RawSession.open(bridge.url, 'loud');
    await flood(bridge, loud, 'ansi');
    const died = await loud.call('crash', { lines: 500 });
    const stderr = died.message?.error?.data?.gangway?.['stderr'] as string[];
    expect(stderr.at(-1)).toBe('last words 500');
    await bridge.waitForLine(/"session closed"/);
    const { stdout } = await gangway(['logs', 'loud', '--host', '127.0.0.1', '-p', new URL(bridge.url).port]);
    expect(stdout.split('\n').slice(-2)).toEqual([
      expect.stringMatching(/^gangway-loud-\w+ \| last words 500$/),
      expect.stringMatching(/^gangway-loud-\w+ \* ended with exit code 7$/),
    ]);
  });

  it('with lines like those of our log forges none', async () => {
    await using bridge = await start();
    const loud = await RawSession.open(bridge.url, 'loud');
    await loud.call('complain', { lines: ['x', forged, `gangway-loud-000000000000 | ${forged}`, '\r\u2028forged'] });
    await loud.call('crash', { lines: 1 });
    await bridge.waitForLine(/"session closed"/);
    const said = bridge.stderr.map((line) => JSON.parse(line) as { msg: string });
    expect(said.filter(({ msg }) => msg.includes('forged'))).toEqual([]);
    const { stdout } = await gangway(['logs', 'loud', '--host', '127.0.0.1', '-p', new URL(bridge.url).port]);
    const name = /^gangway-loud-\w+/.exec(stdout)?.[0] ?? '';
    expect(stdout.split('\n').every((line) => line.startsWith(`${name} `))).toBe(true);
    expect(stdout).toContain(`${name} | gangway-loud-000000000000 | {"level":30`);
  });
});

/** A figure for whoever reads the run. */
function note(what: string, growthBytes: number): void {
  process.stderr.write(`    ${what}; memory grows by ${Math.round(growthBytes / 1024 ** 2)} MB\n`);
}
