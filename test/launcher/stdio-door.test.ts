import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openStreams } from '../../src/launcher/child-streams.ts';
import { StdioDoor } from '../../src/launcher/stdio-door.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { temporaryFolder } from '../support/program.ts';
import { until } from '../support/until.ts';

const token = '11111111-1111-4111-8111-111111111111';
const other = '22222222-2222-4222-8222-222222222222';

let folder: ReturnType<typeof temporaryFolder>;
let clock: ManualClock;
let door: StdioDoor;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  clock = new ManualClock();
  door = new StdioDoor(folder.path, clock);
  await door.open();
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  door.close();
  folder[Symbol.dispose]();
});

/** A connection that has said something, and whatever it is told is thrown away. */
function say(text: string): Socket {
  const socket = connect(door.path).on('error', () => undefined);
  sockets.push(socket.resume());
  socket.write(text);
  return socket;
}

function open(): ReturnType<typeof openStreams> {
  const streams = openStreams(door.path, token);
  sockets.push(streams.stdin, streams.stdout, streams.stderr);
  return streams;
}

describe('openStreams()', () => {
  it('gives an output that is read only when somebody takes it, in order, to its end', async () => {
    const { stdout } = open();
    const [, theirs] = await door.take(token);
    const text = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join('');
    theirs.end(text);
    let heard = '';
    stdout.takeChunks((chunk) => {
      heard += chunk.toString('latin1');
      // As a client that is behind does.
      stdout.pause();
      setImmediate(() => stdout.resume());
    });
    stdout.resume();
    await once(stdout, 'end');
    expect(heard).toBe(text);
  });

  it('gives an output that closes when the other end has closed', async () => {
    const { stdout } = open();
    const [, theirs] = await door.take(token);
    const closed = once(stdout, 'close');
    stdout.takeChunks(() => undefined);
    stdout.resume();
    theirs.destroy();
    await closed;
    expect(stdout.readableEnded).toBe(true);
  });
});

describe('StdioDoor.take()', () => {
  it.each(['before', 'after'])('gives the three streams of a launch that is asked for %s they come', async (when) => {
    const early = when === 'before' ? door.take(token) : undefined;
    const { stdout } = open();
    if (!early) await until('the connections', () => clock.pending >= 1);
    const [, theirs] = await (early ?? door.take(token));
    theirs.end('out');
    const [chunk] = (await once(stdout.resume(), 'data')) as [Buffer];
    expect(chunk.toString()).toBe('out');
  });

  it('reads no more of a stream than the line that says whose it is', async () => {
    const { stdin } = open();
    stdin.write('a payload');
    const [theirs] = await door.take(token);
    stdin.release();
    const [chunk] = (await once(theirs.resume(), 'data')) as [Buffer];
    expect(chunk.toString()).toBe('a payload');
  });

  it('fails when they do not come within 5 s, and closes those that came', async () => {
    const taken = door.take(token);
    const closed = once(say(`${token} 0\n`), 'close');
    const failed = expect(taken).rejects.toMatchObject({ code: 'OVERLOADED' });
    await until('the stream to be there', () => clock.pending === 1);
    await clock.advance(5000);
    await failed;
    await closed;
  });
});

describe('StdioDoor closes a connection', () => {
  it.each([
    ['that says nothing it knows', 'GET / HTTP/1.1\n'],
    ['whose token is none', `${'x'.repeat(36)} 0\n`],
    ['for a stream that there is not', `${token} 3\n`],
    ['that goes on behind its line', `${token} 0\nmore`],
    ['whose line is too long', 'a'.repeat(64)],
  ])('%s', async (_, text) => {
    await once(say(text), 'close');
  });

  it('that is the second for a stream', async () => {
    const taken = door.take(token);
    say(`${token} 0\n`);
    await until('the first to be there', () => clock.pending === 1);
    await once(say(`${token} 0\n`), 'close');
    say(`${token} 1\n`);
    say(`${token} 2\n`);
    expect(await taken).toHaveLength(3);
  });

  it('that has not said whose it is within 5 s', async () => {
    const socket = say(token);
    await until('the connection', () => clock.pending === 1);
    const closed = once(socket, 'close');
    await clock.advance(5000);
    await closed;
  });

  it('that no launch has asked for within 5 s', async () => {
    const socket = say(`${other} 0\n`);
    await until('it to be closed', async () => {
      await clock.advance(5000);
      return socket.closed;
    });
  });
});
