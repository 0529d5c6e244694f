import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { deferred } from '../../src/base/deferred.ts';
import { DockerEvents, eventsArgs } from '../../src/engine/docker-events.ts';
import type { Child, Exit } from '../../src/engine/engine.ts';
import { Fates } from '../../src/engine/fates.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

interface Stream extends Child {
  readonly stdout: PassThrough;
  readonly stdin: PassThrough;
}

let clock: ManualClock;
let fates: Fates;
let events: DockerEvents;
let streams: Stream[];
let heard: number;
let lost: number;
/** Why the stream cannot be started. */
let spawnError: Error | undefined;

beforeEach(() => {
  clock = new ManualClock();
  fates = new Fates();
  streams = [];
  heard = 0;
  lost = 0;
  spawnError = undefined;
  const spawn = (): Child => {
    if (spawnError) throw spawnError;
    const never = deferred<Exit>().promise;
    const stream: Stream = {
      ...{ name: 'events', stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() },
      ...{ running: Promise.resolve(), died: never, exited: never, kill: () => undefined },
    };
    streams.push(stream);
    return stream;
  };
  const onHeard = (): void => void (heard += 1);
  const onLost = (): void => void (lost += 1);
  events = new DockerEvents(spawn, { fates, clock, onHeard, onLost });
});

function follow(name: string): { isRunning: boolean; exit: Exit | undefined } {
  const known: { isRunning: boolean; exit: Exit | undefined } = { isRunning: false, exit: undefined };
  const { running, died } = fates.expect(name);
  void running.then(() => (known.isRunning = true));
  void died.then((exit) => (known.exit = exit));
  return known;
}

async function say(action: string, name: string, exitCode = ''): Promise<void> {
  streams.at(-1)?.stdout.write(`${[action, name, exitCode].map((cell) => JSON.stringify(cell)).join('\t')}\n`);
  await settle();
}

async function lose(): Promise<void> {
  streams.at(-1)?.stdout.destroy();
  await settle();
}

describe('DockerEvents', () => {
  it('opens one stream, however often it is asked to', () => {
    events.open();
    events.open();
    expect(streams).toHaveLength(1);
  });

  it('tries again when the stream cannot be started', async () => {
    spawnError = new Error('short of file descriptors');
    events.open();
    await clock.advance(10_000);
    spawnError = undefined;
    await clock.advance(10_000);
    const a = follow('a');
    await say('start', 'a');
    expect([streams.length, lost, a.isRunning]).toEqual([1, 0, true]);
  });

  it('tells that a container runs, and how it ended', async () => {
    const a = follow('a');
    events.open();
    await say('start', 'a');
    expect(a).toEqual({ isRunning: true, exit: undefined });
    await say('die', 'a', '7');
    expect(a.exit).toEqual({ code: 7, signal: undefined });
  });

  it('tells of a lack of memory', async () => {
    const a = follow('a');
    events.open();
    await say('oom', 'a');
    await say('die', 'a', '137');
    expect(a.exit).toEqual({ code: 137, signal: undefined, isOomKilled: true });
  });

  it('takes each event for a sign of life', async () => {
    events.open();
    await say('start', 'somebody');
    await say('die', 'somebody', '0');
    expect(heard).toBe(2);
  });

  it.each([['no number'], ['9999'], ['-1'], ['']])('believes no exit code that is none: "%s"', async (code) => {
    const a = follow('a');
    events.open();
    await say('die', 'a', code);
    expect(a.exit).toEqual({ code: undefined, signal: undefined });
  });

  it('skips what it cannot read', async () => {
    const a = follow('a');
    events.open();
    streams[0]?.stdout.write('time="2026" level=warning\n\n"die"\t\n');
    await say('die', 'a', '1');
    expect(a.exit?.code).toBe(1);
  });

  it('says that the stream is lost, and opens it again after a while, each time later', async () => {
    events.open();
    const counts: number[] = [];
    for (const ms of [999, 1, 1999, 1, 3999, 1]) {
      if (counts.length % 2 === 0) await lose();
      await clock.advance(ms);
      counts.push(streams.length);
    }
    expect([counts, lost]).toEqual([[1, 2, 2, 3, 3, 4], 3]);
  });

  it('opens a stream that was good for a while again soon', async () => {
    events.open();
    for (let n = 0; n < 8; n++) {
      await lose();
      await clock.advance(30_000);
    }
    const before = streams.length;
    await lose();
    await clock.advance(500);
    expect(streams.length).toBe(before + 1);
  });

  it('goes on telling after it was lost', async () => {
    const a = follow('a');
    events.open();
    await lose();
    expect(events.isOpen).toBe(false);
    await clock.advance(1000);
    await say('die', 'a', '2');
    expect([events.isOpen, a.exit?.code]).toEqual([true, 2]);
  });

  it('ends its client when it is closed, and opens no other', async () => {
    events.open();
    events.close();
    expect(streams[0]?.stdin.writableEnded).toBe(true);
    await lose();
    await clock.advance(60_000);
    expect([streams.length, lost, clock.pending]).toEqual([1, 0, 0]);
  });
});

describe('eventsArgs()', () => {
  it('asks for what begins and ends of this run alone, and for the last minute again', () => {
    expect(eventsArgs('space.1.2')).toEqual([
      'events',
      ...['--filter', 'label=io.gangway.owner=space.1.2', '--filter', 'type=container'],
      ...['--filter', 'event=start', '--filter', 'event=die', '--filter', 'event=oom'],
      ...['--since', '60s', '--format'],
      '{{json (.Action)}}\t{{json (index .Actor.Attributes "name")}}\t{{json (index .Actor.Attributes "exitCode")}}',
    ]);
  });
});
