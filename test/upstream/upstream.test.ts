import { describe, expect, it } from '@jest/globals';
import { Redactor } from '../../src/base/redact.ts';
import type { Exit } from '../../src/engine/engine.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import type { Id } from '../../src/jsonrpc/message.ts';
import { Leaks } from '../../src/upstream/leaks.ts';
import { startUpstream, type StartContext } from '../../src/upstream/start.ts';
import { Upstream, type UpstreamEnd } from '../../src/upstream/upstream.ts';
import { FakeEngine, type FakeChild, type Habit } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { serverConfig, startContext } from '../support/pool-rig.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

interface Heard {
  readonly messages: string[];
  readonly kinds: string[];
  readonly ends: UpstreamEnd[];
  /** Ids whose answers were no messages. */
  readonly garbled: Id[];
  /** Messages and ends, in their order. */
  readonly all: string[];
}

interface Rig {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly child: FakeChild;
  readonly upstream: Upstream;
  readonly lines: LogLine[];
  readonly listen: () => Heard;
}

const mute = (): void => undefined;

function rig(habit: Habit = {}, { maxLineBytes = 1000, secrets = [] as string[] } = {}): Rig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, { onLine: mute, ...habit });
  const { log, lines } = quietLog();
  const { name, source, args, env, mounts, user, network, sandbox, resources } = serverConfig();
  if (source.kind !== 'image') throw new TypeError('wanted an image');
  const child = engine.launch({
    ...{ name, source, args, env, mounts, user, network, sandbox, resources },
    ...{ labels: {}, lifetimeSeconds: 1 },
  });
  const upstream = new Upstream(child, {
    ...{ engine, clock, log, redactor: new Redactor(secrets), maxLineBytes },
    ...{ leaks: new Leaks(clock), server: name, memoryBytes: resources.memoryBytes },
  });
  const listen = (): Heard => {
    const heard: Heard = { messages: [], kinds: [], ends: [], garbled: [], all: [] };
    upstream.attach({
      onMessage(envelope, bytes) {
        heard.messages.push(bytes.toString());
        heard.kinds.push(envelope.kind);
        heard.all.push(bytes.toString());
      },
      onGarbled(id) {
        heard.garbled.push(id);
        heard.all.push(`garbled: ${id}`);
      },
      onEnd(end) {
        heard.ends.push(end);
        heard.all.push(`end: ${end.reason}`);
      },
    });
    return heard;
  };
  return { clock, engine, child, upstream, lines, listen };
}

const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const note = '{"jsonrpc":"2.0","method":"note"}';
const ok: Exit = { code: 0, signal: undefined };

describe('Upstream.attach()', () => {
  it('comes before anything is read', async () => {
    const { child } = rig();
    child.say(ping);
    await settle();
    expect(child.stdout.readableLength).toBeGreaterThan(ping.length);
  });

  it('gives way to everything else while a server says much without a pause', async () => {
    const { child, listen } = rig();
    const line = note.replace('note', 'n'.repeat(900));
    for (let n = 0; n < 1000; n++) child.say(line);
    const heard = listen();
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard.messages.length).toBeGreaterThan(0);
    expect(heard.messages.length).toBeLessThan(400);
    for (let round = 0; round < 10; round++) await settle();
    expect(heard.messages).toHaveLength(1000);
  });

  it('does not go on by itself when it was paused in the meantime', async () => {
    const { child, upstream, listen } = rig();
    const line = note.replace('note', 'n'.repeat(900));
    for (let n = 0; n < 1000; n++) child.say(line);
    const heard = listen();
    await new Promise((resolve) => setImmediate(resolve));
    upstream.pause();
    const count = heard.messages.length;
    for (let round = 0; round < 10; round++) await settle();
    expect(heard.messages).toHaveLength(count);
    upstream.resume();
    for (let round = 0; round < 10; round++) await settle();
    expect(heard.messages).toHaveLength(1000);
  });

  it('gives all that was said before it', async () => {
    const { child, listen } = rig();
    child.say(ping);
    await settle();
    const heard = listen();
    await settle();
    expect(heard.messages).toEqual([ping]);
  });

  it('throws for a second receiver', () => {
    const { listen } = rig();
    listen();
    expect(() => listen()).toThrow('An upstream has one receiver');
  });

  it('tells a receiver that comes too late of the end', async () => {
    const { child, clock, listen } = rig();
    child.exit({ code: 3, signal: undefined });
    await clock.advance(10);
    expect(listen().ends).toEqual([{ reason: 'exited', exit: { code: 3, signal: undefined } }]);
  });
});

describe('Upstream messages', () => {
  it('come whole and in order, however the bytes are cut', async () => {
    const { child, listen } = rig();
    const heard = listen();
    const bytes = Buffer.from(`${ping}\n{"jsonrpc":"2.0","method":"é–😀"}\r\n${note}\n`);
    for (const byte of bytes) child.stdout.write(Buffer.of(byte));
    await settle();
    expect(heard.messages).toEqual([ping, '{"jsonrpc":"2.0","method":"é–😀"}', note]);
  });

  it('come one by one when they arrive in one piece', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write(`${ping}\n${note}\n${ping}\n`);
    await settle();
    expect(heard.kinds).toEqual(['request', 'notification', 'request']);
  });

  it('keep their bytes', async () => {
    const { child, listen } = rig();
    const heard = listen();
    const odd = '{ "method" : "a\\u00e9\u00a0\u2028" ,"jsonrpc":"2.0", "params": {"n": 1.50e+01} }';
    child.say(odd);
    await settle();
    expect(heard.messages).toEqual([odd]);
  });

  it('come on while the process lives, and none after the end', async () => {
    const { child, clock, upstream, listen } = rig({ ignoresEof: true });
    const heard = listen();
    await Promise.all([upstream.stop(), clock.advance(5000)]);
    child.stdout.emit('data', Buffer.from(`${ping}\n`));
    expect(heard.all).toEqual(['end: stopped']);
  });
});

describe('Upstream messages', () => {
  it('are handed on as one line: a carriage return between tokens would end an event', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write('{"jsonrpc":"2.0",\r\r"method":"x"}\n');
    await settle();
    expect(heard.messages).toEqual(['{"jsonrpc":"2.0",  "method":"x"}']);
  });
});

describe('Upstream noise', () => {
  it('is counted', async () => {
    const { child, upstream, listen } = rig();
    listen();
    child.stdout.write('Server ready!\n[]\n42\n{"hello":1}\n');
    await settle();
    expect(upstream.noiseLines).toBe(4);
  });

  it('is not handed on', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write(`banner\n${ping}\nDebug: x\n`);
    await settle();
    expect(heard.messages).toEqual([ping]);
  });

  it('is kept in the tail', async () => {
    const { child, upstream, listen } = rig();
    listen();
    child.say('listening on stdio');
    await settle();
    expect(upstream.describeExit()['stderr']).toEqual(['stdout: listening on stdio']);
  });

  it('is logged three times at the most', async () => {
    const { child, lines, listen } = rig();
    listen();
    for (let i = 0; i < 50; i++) child.say('noise');
    await settle();
    expect(lines).toHaveLength(3);
  });

  it('ends a server that makes nothing else', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write('x\n'.repeat(1001));
    await settle();
    expect(heard.ends).toMatchObject([{ reason: 'too-noisy' }]);
  });

  it('is never printed in the log', async () => {
    const { child, lines, listen } = rig();
    listen();
    child.say('canary');
    await settle();
    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  it('shows no part of a secret that reaches over its cut', async () => {
    const long = 'L0NG'.repeat(25);
    const { child, upstream, listen } = rig({}, { secrets: ['SECRETVALUE12345', long] });
    listen();
    child.say(`${long}${'x'.repeat(392)}SECRETVALUE12345`);
    await settle();
    expect(JSON.stringify(upstream.describeExit())).not.toContain('SECRETV');
  });
});

describe('Upstream, for an answer that is no message,', () => {
  it.each([
    ['that is no JSON', '{"jsonrpc":"2.0","id":7,"result":{"a":nope}}'],
    ['that is cut off', '{"jsonrpc":"2.0","id":7,"result":{"a":"b'],
    ['with two ids', '{"jsonrpc":"2.0","id":7,"result":{},"id":8}'],
    ['with an error that is a text', '{"jsonrpc":"2.0","id":7,"error":"no"}'],
  ])('%s, tells whose it was to be', async (_what, line) => {
    const { child, upstream, listen } = rig();
    const heard = listen();
    child.say(line);
    await settle();
    expect([heard.all, upstream.noiseLines]).toEqual([['garbled: 7'], 1]);
  });

  it.each([
    ['an id of which a half is there', '{"jsonrpc":"2.0","result":1,"id":"abc'],
    ['an id with a control character', `{"jsonrpc":"2.0","id":"${'x'.repeat(40)}\t\\n","result":1}`],
    ['a request', '{"jsonrpc":"2.0","id":7,"method":"m","params":nope}'],
  ])('tells of nobody’s for %s', async (_what, line) => {
    const { child, listen } = rig();
    const heard = listen();
    child.say('{"jsonrpc":"2.0","id":"something longer","method":"m"}');
    child.say(line);
    await settle();
    expect(heard.garbled).toEqual([]);
  });

  it('goes on with the next line', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write(`{"jsonrpc":"2.0","id":7,"result":[\n${ping}\n`);
    await settle();
    expect(heard.all).toEqual(['garbled: 7', ping]);
  });
});

describe('Upstream, for a batch of the server,', () => {
  it('hands its messages on one by one', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.say(`[${ping}, ${note} ]`);
    await settle();
    expect(heard.messages).toEqual([ping, note]);
  });

  it('leaves out what is no message, and tells whose answer it was to be', async () => {
    const { child, upstream, listen } = rig();
    const heard = listen();
    child.say(`[1,{"jsonrpc":"2.0","id":7,"result":1,"error":{}},${note},[${ping}]]`);
    await settle();
    expect([heard.all, upstream.noiseLines]).toEqual([['garbled: 7', note], 3]);
  });

  it('hands nothing of it on after the end', async () => {
    const { child, listen } = rig({}, { maxLineBytes: 10_000 });
    const heard = listen();
    child.say(`[${'1,'.repeat(1001)}${ping}]`);
    await settle();
    expect(heard.all).toEqual(['end: too-noisy']);
  });

  it('hands nothing of it on when it is cut off', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.say(`[${ping},`);
    await settle();
    expect(heard.all).toEqual([]);
  });
});

describe('Upstream, when a line is too long,', () => {
  it('ends with "line-too-long"', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write('x'.repeat(1001));
    await settle();
    expect(heard.ends.map(({ reason }) => reason)).toEqual(['line-too-long']);
  });

  it('passes what came before it, and nothing after it', async () => {
    const { child, listen } = rig();
    const heard = listen();
    child.stdout.write(`${ping}\n${'x'.repeat(1001)}\n${ping}\n`);
    await settle();
    expect(heard.all).toEqual([ping, 'end: line-too-long']);
  });

  it('removes the container', async () => {
    const { child, clock, engine, listen } = rig({ ignoresEof: true });
    listen();
    child.stdout.write('x'.repeat(1001));
    await clock.advance(3000);
    expect(engine.live).toEqual([]);
  });

  it('takes a line of just the limit', async () => {
    const { child, listen } = rig();
    const heard = listen();
    const padding = 'x'.repeat(1000 - note.length - '"params":{"p":""},'.length);
    child.say(`{"params":{"p":"${padding}"},${note.slice(1)}`);
    await settle();
    expect(heard.messages[0]).toHaveLength(1000);
  });
});

describe('Upstream.send()', () => {
  it('writes one line', async () => {
    const { child, upstream } = rig();
    upstream.send(Bytes.from(ping));
    upstream.send(Bytes.from(note));
    await settle();
    expect(child.received).toEqual([ping, note]);
  });

  it('writes a message in pieces as one line', async () => {
    const { child, upstream } = rig();
    const pieces = [Buffer.from(ping.slice(0, 9)), Buffer.alloc(1024 * 1024, ' '), Buffer.from(ping.slice(9))];
    upstream.send(new Bytes(pieces, 1024 * 1024 + ping.length));
    await settle();
    expect(child.received.map((line) => line.replace(/ +/, ''))).toEqual([ping]);
  });

  it('is silent when the server has ended', async () => {
    const { child, clock, upstream } = rig();
    child.exit();
    await clock.advance(10);
    expect(() => {
      upstream.send(Bytes.from(ping));
    }).not.toThrow();
  });
});

describe('Upstream.isBusy', () => {
  it('is false for a server that reads', async () => {
    const { upstream } = rig();
    upstream.send(Bytes.of(Buffer.alloc(4 * 1024 * 1024, 'x')));
    await settle();
    expect(upstream.isBusy).toBe(false);
  });

  it('is true when more than 1 MiB has waited for a second', async () => {
    const { child, clock, upstream } = rig({ isDeaf: true });
    upstream.send(Bytes.of(Buffer.alloc(1024 * 1024 - 1, 'x')));
    await clock.advance(1000);
    const atLimit = upstream.isBusy;
    child.stdin.write('x');
    expect([atLimit, upstream.isBusy]).toEqual([false, true]);
  });

  it('is false for a large message that was sent just now', async () => {
    const { clock, upstream } = rig({ isDeaf: true });
    upstream.send(Bytes.of(Buffer.alloc(4 * 1024 * 1024, 'x')));
    const atFirst = upstream.isBusy;
    await clock.advance(1000);
    expect([atFirst, upstream.isBusy]).toEqual([false, true]);
  });

  it('is true when more than 8 MiB waits, for however short a time', () => {
    const { child, upstream } = rig({ isDeaf: true });
    upstream.send(Bytes.of(Buffer.alloc(8 * 1024 * 1024 - 1, 'x')));
    const atLimit = upstream.isBusy;
    child.stdin.write('x');
    expect([atLimit, upstream.isBusy]).toEqual([false, true]);
  });
});

describe('Upstream, when its process ends,', () => {
  it('passes the last output before the end', async () => {
    const { child, clock, listen } = rig();
    const heard = listen();
    await settle();
    child.say(ping);
    child.say(note);
    child.exit(ok);
    await clock.advance(200);
    expect(heard.all).toEqual([ping, note, 'end: exited']);
  });

  it('passes a last line that has no line end', async () => {
    const { child, clock, listen } = rig();
    const heard = listen();
    child.stdout.write(ping);
    child.exit(ok);
    await clock.advance(200);
    expect(heard.all).toEqual([ping, 'end: exited']);
  });

  it('passes the last output also when it was paused', async () => {
    const { child, clock, upstream, listen } = rig();
    const heard = listen();
    upstream.pause();
    child.say(ping);
    child.exit(ok);
    await clock.advance(200);
    expect(heard.all).toEqual([ping, 'end: exited']);
  });

  it('tells the end once, with its exit', async () => {
    const { child, clock, listen } = rig();
    const heard = listen();
    child.exit({ code: 7, signal: undefined });
    await clock.advance(5000);
    expect(heard.ends).toEqual([{ reason: 'exited', exit: { code: 7, signal: undefined } }]);
  });

  it('waits until nothing more has come for 60 ms, and not for its output to close', async () => {
    const { child, clock, listen } = rig();
    const heard = listen();
    await settle();
    child.die(ok);
    await clock.advance(59);
    child.say(ping);
    await clock.advance(1);
    expect(heard.all).toEqual([ping]);
    await clock.advance(60);
    expect(heard.all).toEqual([ping, 'end: exited']);
  });

  it('waits for its output no longer than 180 ms', async () => {
    const { child, clock, listen } = rig();
    const heard = listen();
    // A process that it has started holds its output open, and writes to it.
    const chatter = clock.every(10, () => child.stdout.write(`${note}\n`));
    child.die(ok);
    await clock.advance(179);
    const early = heard.ends.length;
    await clock.advance(60);
    chatter();
    expect([early, heard.ends.length]).toEqual([0, 1]);
  });

  it('waits for the last words on stderr also when nobody has read a message yet', async () => {
    const { child, clock, upstream } = rig();
    let hasExited = false;
    void upstream.exited.then(() => {
      hasExited = true;
    });
    child.die({ code: 1, signal: undefined });
    await clock.advance(20);
    expect(hasExited).toBe(false);
    child.stderr.write('fatal: no database\n');
    await clock.advance(100);
    expect([hasExited, upstream.describeExit()['stderr']]).toEqual([true, ['fatal: no database']]);
  });

  it('asks for no removal as long as its client may end by itself', async () => {
    const { child, clock, engine } = rig();
    child.die({ code: 137, signal: undefined });
    await clock.advance(999);
    expect(engine.removals).toEqual([]);
  });

  it('has a container removed at once whose monitor is lost', async () => {
    const { child, clock, engine } = rig({ ignoresEof: true });
    child.die({ code: undefined, signal: undefined, lost: 'monitor' });
    await clock.advance(100);
    expect([engine.removals[0], engine.live]).toEqual([['demo'], []]);
  });

  it('names the signal that killed the server, and the lack of memory', async () => {
    const { child, clock, upstream } = rig();
    child.die({ code: 137, signal: undefined, isOomKilled: true });
    await clock.advance(100);
    expect(upstream.describeExit()).toEqual({
      ...{ exitCode: 137, signal: 'SIGKILL', oomKilled: true, memoryLimit: '512m' },
      stderr: [],
    });
  });

  it('is gone', async () => {
    const { child, clock, upstream } = rig();
    child.exit(ok);
    await clock.advance(200);
    expect(upstream.state).toBe('gone');
  });

  it('describes the exit', async () => {
    const { child, clock, upstream } = rig();
    child.stderr.write('Error: no such file\n');
    await settle();
    child.exit({ code: 9, signal: undefined });
    await clock.advance(200);
    expect(upstream.describeExit()).toEqual({ exitCode: 9, stderr: ['Error: no such file'] });
  });

  it('describes a signal', async () => {
    const { child, clock, upstream } = rig();
    child.exit({ code: undefined, signal: 'SIGSEGV' });
    await clock.advance(200);
    expect(upstream.describeExit()).toEqual({ signal: 'SIGSEGV', stderr: [] });
  });

  it('describes a program that could not be started', async () => {
    const { child, clock, upstream } = rig();
    child.exit({ code: undefined, signal: undefined, error: 'ENOENT' });
    await clock.advance(200);
    expect(upstream.describeExit()).toEqual({ spawnError: 'ENOENT', stderr: [] });
  });
});

describe('Upstream, when its output closes while the process lives,', () => {
  it('tells the end', async () => {
    const { child, clock, listen } = rig({ ignoresEof: true });
    const heard = listen();
    child.stdout.end();
    await clock.advance(200);
    expect(heard.ends).toEqual([{ reason: 'exited', exit: undefined }]);
  });

  it('removes the container', async () => {
    const { child, clock, engine, listen } = rig({ ignoresEof: true });
    listen();
    child.stdout.end();
    await clock.advance(3000);
    expect(engine.live).toEqual([]);
  });
});

describe('Upstream.stop()', () => {
  it('makes no death of it that a server closes its output before it leaves', async () => {
    const { child, clock, upstream, listen } = rig({ ignoresEof: true });
    const heard = listen();
    await settle();
    void upstream.stop();
    child.stdout.end();
    await clock.advance(500);
    child.exit(ok);
    await clock.advance(1000);
    expect([heard.ends.map(({ reason }) => reason), upstream.hasDied]).toEqual([['stopped'], false]);
  });

  it('gives every caller the same promise', () => {
    const { upstream } = rig();
    expect(upstream.stop()).toBe(upstream.stop(0));
  });

  it('tells the receiver', async () => {
    const { upstream, listen } = rig();
    const heard = listen();
    await upstream.stop();
    expect(heard.ends.map(({ reason }) => reason)).toEqual(['stopped']);
  });

  it('resolves "gone"', async () => {
    const { upstream } = rig();
    await upstream.stop();
    await expect(upstream.gone).resolves.toBeUndefined();
  });

  it('may be called after the end', async () => {
    const { upstream } = rig();
    await upstream.stop();
    await expect(upstream.stop()).resolves.toBeUndefined();
  });

  it('lets go of the streams', async () => {
    const { child, upstream } = rig();
    await upstream.stop();
    expect([child.stdout.destroyed, child.stderr.destroyed]).toEqual([true, true]);
  });

  it('is over only when the container is gone, however long its removal fails', async () => {
    const { clock, engine, upstream } = rig({ ignoresEof: true });
    engine.isFailing = true;
    let isGone = false;
    void upstream.gone.then(() => {
      isGone = true;
    });
    void upstream.stop();
    await clock.advance(600_000);
    expect([isGone, upstream.state]).toEqual([false, 'stopping']);
    engine.isFailing = false;
    await clock.advance(30_000);
    expect([isGone, upstream.state]).toEqual([true, 'gone']);
  });
});

describe('Upstream.state', () => {
  it('is "starting" until the server runs', () => {
    expect(rig({ startsAfterMs: 500 }).upstream.state).toBe('starting');
  });

  it('is "ready" when the server runs', async () => {
    const { clock, upstream } = rig({ startsAfterMs: 500 });
    await clock.advance(500);
    expect(upstream.state).toBe('ready');
  });

  it('is "ready" when the server has said something', async () => {
    const { child, upstream, listen } = rig({ startsAfterMs: 500 });
    listen();
    child.say(ping);
    await settle();
    expect(upstream.state).toBe('ready');
  });

  it('is never "ready" for a server that ended at once', async () => {
    const { clock, upstream } = rig({ startsAfterMs: Infinity, exits: { code: 1, signal: undefined } });
    const states: string[] = [];
    void upstream.settled.then(() => states.push(upstream.state));
    await clock.advance(100);
    expect(states).not.toContain('ready');
  });

  it('is "stopping" while it ends', () => {
    const { upstream } = rig({ ignoresEof: true });
    void upstream.stop();
    expect(upstream.state).toBe('stopping');
  });
});

describe('Upstream.pause()', () => {
  it('stops reading until resume()', async () => {
    const { child, upstream, listen } = rig();
    const heard = listen();
    await settle();
    upstream.pause();
    child.say(ping);
    await settle();
    const before = heard.messages.length;
    upstream.resume();
    await settle();
    expect([before, heard.messages.length]).toEqual([0, 1]);
  });

  it('resume() reads nothing before a receiver is there', async () => {
    const { child, upstream } = rig();
    upstream.resume();
    child.say(ping);
    await settle();
    expect(child.stdout.readableLength).toBeGreaterThan(0);
  });
});

describe('Upstream’s stderr tail', () => {
  async function tailOf(chunks: readonly string[], secrets: string[] = []): Promise<readonly string[]> {
    const { child, upstream } = rig({}, { secrets });
    for (const chunk of chunks) child.stderr.write(chunk);
    await settle();
    return upstream.describeExit()['stderr'] as readonly string[];
  }

  it('has the last ten lines, the newest last', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\n`);
    expect(await tailOf(lines)).toEqual(Array.from({ length: 10 }, (_, i) => `line ${i + 20}`));
  });

  it('is bounded, however much is written', async () => {
    expect((await tailOf(['x'.repeat(5_000_000)])).join('').length).toBeLessThanOrEqual(5000);
  });

  it('has lines of at most 500 characters', async () => {
    expect((await tailOf(['y'.repeat(2000)]))[0]).toHaveLength(500);
  });

  it('has no secret', async () => {
    expect(await tailOf(['token=hunter2hunter2 refused\n'], ['hunter2hunter2'])).toEqual(['token=[redacted] refused']);
  });

  it('has no secret that came in two pieces', async () => {
    expect(await tailOf(['token=hunter2', 'hunter2 refused\n'], ['hunter2hunter2'])).toEqual([
      'token=[redacted] refused',
    ]);
  });

  it('has no part of a secret whose beginning was dropped', async () => {
    const secret = 'SECRETVALUE12345';
    const [first = ''] = await tailOf([`${secret}${'z'.repeat(8 * 1024 - 8)}\n`], [secret]);
    expect(first).not.toMatch(/^[A-Z0-9]{4,}/);
  });

  it('has no part of a secret that lies where the cut tail begins', async () => {
    const secret = 'SECRETVALUE12345';
    const kept = `${'y'.repeat(16)}${secret}`;
    const lines = await tailOf([`${'x'.repeat(100)}${kept}${'z'.repeat(8 * 1024 - kept.length)}`], [secret]);
    expect(lines.join()).not.toMatch(/[A-Z0-9]{4,}/);
  });

  it('has no secret that was coloured in its middle', async () => {
    const lines = await tailOf(['token=hunter2\u001b[31mhunter2\u001b[0m\n'], ['hunter2hunter2']);
    expect(lines.join()).not.toContain('hunter2hunter2');
  });

  it('has no ANSI sequences', async () => {
    expect(await tailOf(['\u001b[31;1mError\u001b[0m: x\u001b[2K\u001b[?25l\n'])).toEqual(['Error: x']);
  });

  it('has no control characters', async () => {
    const [line = ''] = await tailOf(['a\u0000b\u0007c\u009bd\u001b]0;title\u0007e\r\n']);
    // eslint-disable-next-line no-control-regex -- these are what must not be there
    expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });

  it('is read although nobody is attached, so that the server never blocks on it', async () => {
    const { child } = rig();
    child.stderr.write('x'.repeat(1_000_000));
    await settle();
    expect(child.stderr.readableLength).toBe(0);
  });
});

function contextOf(clock: ManualClock, held: Set<string>): StartContext {
  return { ...startContext(clock), held };
}

describe('startUpstream()', () => {
  const image = { kind: 'image', image: 'x' } as const;

  function context(habit: Habit = {}) {
    const clock = new ManualClock();
    const held = new Set<string>();
    return { engine: new FakeEngine(clock, habit), held, clock, around: contextOf(clock, held) };
  }

  it('registers the name before the launch', () => {
    const { engine, held, around } = context();
    let wasHeld = false;
    const launch = engine.launch.bind(engine);
    engine.launch = (spec) => {
      wasHeld = held.has(spec.name);
      return launch(spec);
    };
    startUpstream(engine, serverConfig(), image, around);
    expect(wasHeld).toBe(true);
  });

  it('holds the name until the container is gone', async () => {
    const { engine, held, clock, around } = context({ ignoresEof: true });
    const upstream = startUpstream(engine, serverConfig(), image, around);
    void upstream.stop();
    await clock.advance(999);
    const during = held.has(upstream.name);
    await clock.advance(1000);
    expect([during, held.size]).toEqual([true, 0]);
  });

  it('does not hold the name of a container that was never launched', () => {
    const { engine, held, around } = context({ launchError: new TypeError('no') });
    expect(() => startUpstream(engine, serverConfig(), image, around)).toThrow('no');
    expect(held.size).toBe(0);
  });

  it('launches with the labels of the owner', () => {
    const { engine, around } = context();
    startUpstream(engine, serverConfig({ name: 'memory' }), image, around);
    expect(engine.last.spec.labels).toMatchObject({
      'io.gangway.instance': 'test',
      'io.gangway.owner': 'space.1.1',
      'io.gangway.server': 'memory',
    });
  });

  it('gives the container a hard end after the longest life of its session', () => {
    const { engine, around } = context();
    startUpstream(engine, serverConfig({ pool: { maxAgeMs: 3_600_000 } }), image, around);
    expect(engine.last.spec.lifetimeSeconds).toBe(7260);
  });

  it('redacts the secrets of the server', async () => {
    const { engine, around } = context();
    const env = [{ name: 'KEY', value: 'hunter2hunter2', secret: true }];
    const upstream = startUpstream(engine, serverConfig({ env }), image, around);
    engine.last.stderr.write('bad key hunter2hunter2\n');
    await settle();
    expect(upstream.describeExit()['stderr']).toEqual(['bad key [redacted]']);
  });
});
