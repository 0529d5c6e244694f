import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { LaunchSpec } from '../../src/engine/engine.ts';
import type { ChildStreams } from '../../src/launcher/child-streams.ts';
import { Link } from '../../src/launcher/link.ts';
import type { Request } from '../../src/launcher/protocol.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { portPair, type PortPair } from '../support/port-pair.ts';

const spec: LaunchSpec = {
  ...{ name: 'gangway-demo-1', labels: {}, source: { kind: 'image', image: 'x' }, args: [], env: [], mounts: [] },
  ...{ user: undefined, network: 'none', sandbox: 'default', lifetimeSeconds: 60 },
  resources: { cpus: 0, memoryBytes: 0, pids: 0 },
};
const lost = { code: undefined, signal: undefined, lost: 'launcher' };

let clock: ManualClock;
let pair: PortPair;
let link: Link;
let streams: FakeStreams;
let silences: boolean[];
let troubles: string[];
let isHopeless: boolean;

/** Streams in memory, which say whether they were released. */
class FakeStreams {
  isReleased = false;
  readonly stdin = Object.assign(new PassThrough(), { release: () => void (this.isReleased = true) });
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
}

beforeEach(() => {
  clock = new ManualClock();
  pair = portPair();
  silences = [];
  troubles = [];
  isHopeless = false;
  link = new Link({
    port: pair.bridge,
    openStreams: () => {
      streams = new FakeStreams();
      return streams as unknown as ChildStreams;
    },
    clock,
    onTrouble: (engine) => void troubles.push(engine),
    onSilence: (isSilent) => void silences.push(isSilent),
    onHopeless: () => void (isHopeless = true),
  });
});

/** Requests but pings. */
const asked = (): Request[] => pair.requests.filter(({ kind }) => kind !== 'ping');

async function ready(): Promise<void> {
  pair.report({ kind: 'ready', socket: '/s' });
  await settle();
}

describe('Link.ask()', () => {
  it('waits until the launcher is ready', async () => {
    const answer = link.ask<'list'>({ kind: 'list', engine: 'podman' });
    await settle();
    expect(asked()).toEqual([]);
    await ready();
    expect(asked()).toEqual([{ kind: 'list', engine: 'podman', id: 1 }]);
    pair.report({ kind: 'answer', id: 1, value: [] });
    expect(await answer).toEqual([]);
  });

  it('gives each answer to its own question', async () => {
    await ready();
    const answers = [1, 2].map(() => link.ask<'list'>({ kind: 'list', engine: 'podman' }));
    await settle();
    pair.report({ kind: 'answer', id: 2, value: ['second'] });
    pair.report({ kind: 'answer', id: 1, value: ['first'] });
    expect(await Promise.all(answers)).toEqual([['first'], ['second']]);
  });

  it('throws the error that the engine threw, data and cause included', async () => {
    await ready();
    const answer = link.ask<'remove'>({ kind: 'remove', engine: 'podman', names: [] });
    await settle();
    const error = { code: 'ENGINE_UNAVAILABLE', message: 'Cannot x', data: { engine: 'podman' }, cause: 'its words' };
    pair.report({ kind: 'failure', id: 1, error });
    await expect(answer).rejects.toMatchObject({ name: 'BridgeError', ...error });
  });

  it('throws an unknown error as one without a code', async () => {
    await ready();
    const answer = link.ask<'list'>({ kind: 'list', engine: 'podman' });
    await settle();
    pair.report({ kind: 'failure', id: 1, error: { message: 'boom' } });
    const error: unknown = await answer.catch((reason: unknown) => reason);
    expect([(error as Error).name, (error as Error).message]).toEqual(['Error', 'boom']);
  });

  it('passes lines of progress on', async () => {
    await ready();
    const lines: string[] = [];
    const source = { kind: 'image', image: 'x' } as const;
    const answer = link.ask<'prepare'>({ kind: 'prepare', engine: 'podman', source, pull: 'missing' }, (line) => {
      lines.push(line);
    });
    await settle();
    pair.report({ kind: 'progress', id: 1, line: 'pulling' });
    pair.report({ kind: 'answer', id: 1, value: source });
    expect([await answer, lines]).toEqual([source, ['pulling']]);
  });

  it('is refused when the launcher ends, before or after', async () => {
    await ready();
    const pending = link.ask<'list'>({ kind: 'list', engine: 'podman' });
    await settle();
    pair.close();
    await expect(pending).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await expect(link.ask<'list'>({ kind: 'list', engine: 'podman' })).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });

  it('is refused when the launcher ends before it is ready', async () => {
    const pending = link.ask<'list'>({ kind: 'list', engine: 'podman' });
    pair.close();
    await expect(pending).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });
});

describe('Link.launch()', () => {
  beforeEach(ready);

  it('asks for it with a token that nobody can guess, and gives its streams at once', () => {
    const child = link.launch('podman', spec);
    expect([child.stdin, child.stdout, child.stderr]).toEqual([streams.stdin, streams.stdout, streams.stderr]);
    expect(asked()).toEqual([
      { kind: 'launch', engine: 'podman', spec, token: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    ]);
    link.launch('podman', { ...spec, name: 'gangway-demo-2' });
    const tokens = asked().map((request) => ('token' in request ? request.token : ''));
    expect(new Set(tokens).size).toBe(2);
  });

  it('holds what is written back until the launcher has handed the streams over', async () => {
    link.launch('podman', spec);
    expect(streams.isReleased).toBe(false);
    pair.report({ kind: 'taken', name: spec.name });
    await settle();
    expect(streams.isReleased).toBe(true);
  });

  it('tells what becomes of it', async () => {
    const child = link.launch('podman', spec);
    pair.report({ kind: 'taken', name: spec.name });
    pair.report({ kind: 'running', name: spec.name });
    await child.running;
    pair.report({ kind: 'died', name: spec.name, exit: { code: 137, isOomKilled: true } });
    expect(await child.died).toEqual({ code: 137, signal: undefined, isOomKilled: true });
    pair.report({ kind: 'exited', name: spec.name, exit: { code: 0 } });
    expect(await child.exited).toEqual({ code: 0, signal: undefined });
    expect(streams.stdin.destroyed).toBe(true);
  });

  it('leaves its last words to whoever reads them', async () => {
    const child = link.launch('podman', spec);
    pair.report({ kind: 'taken', name: spec.name });
    pair.report({ kind: 'exited', name: spec.name, exit: { code: 0 } });
    await child.exited;
    expect([streams.stdout.destroyed, streams.stderr.destroyed]).toEqual([false, false]);
  });

  it('ends at once what was refused', async () => {
    const child = link.launch('podman', spec);
    pair.report({ kind: 'exited', name: spec.name, exit: { error: 'EMFILE' } });
    const refused = { code: undefined, signal: undefined, error: 'EMFILE' };
    expect([await child.died, await child.exited]).toEqual([refused, refused]);
    expect([streams.stdin, streams.stdout, streams.stderr].map(({ destroyed }) => destroyed)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('ends at once what has lost a stream before it began', async () => {
    const child = link.launch('podman', spec);
    streams.stderr.destroy(Object.assign(new Error('no descriptor'), { code: 'EMFILE' }));
    expect(await child.exited).toEqual({ code: undefined, signal: undefined, error: 'EMFILE' });
    expect(asked().at(-1)).toEqual({ kind: 'kill', name: spec.name });
  });

  it('is nobody’s fault when the launcher does not take a stream', async () => {
    const child = link.launch('podman', spec);
    streams.stdin.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    expect([await child.died, await child.exited]).toEqual([lost, lost]);
  });

  it('passes kill() on', () => {
    link.launch('podman', spec).kill();
    expect(asked().at(-1)).toEqual({ kind: 'kill', name: spec.name });
  });

  it('counts everything as lost when the launcher ends', async () => {
    const taken = link.launch('podman', spec);
    const waiting = link.launch('process', { ...spec, name: 'gangway-demo-2' });
    pair.report({ kind: 'taken', name: spec.name });
    await settle();
    pair.close();
    for (const child of [taken, waiting]) {
      expect([await child.died, await child.exited]).toEqual([lost, lost]);
      await child.running;
    }
  });

  it('throws when there is no launcher to do it', () => {
    pair.close();
    expect(() => link.launch('podman', spec)).toThrow(expect.objectContaining({ code: 'ENGINE_UNAVAILABLE' }));
  });
});

describe('Link.abandonStarts()', () => {
  beforeEach(ready);

  it('gives up what does not run yet, of that engine', async () => {
    const running = link.launch('podman', spec);
    pair.report({ kind: 'taken', name: spec.name });
    pair.report({ kind: 'running', name: spec.name });
    await settle();
    const other = link.launch('process', { ...spec, name: 'gangway-demo-2' });
    const started = link.launch('podman', { ...spec, name: 'gangway-demo-3' });
    pair.report({ kind: 'taken', name: 'gangway-demo-3' });
    await settle();
    const waiting = link.launch('podman', { ...spec, name: 'gangway-demo-4' });
    link.abandonStarts('podman');
    expect(await Promise.all([started.died, waiting.died])).toMatchObject([{ lost: 'engine' }, { lost: 'engine' }]);
    expect(await waiting.exited).toMatchObject({ lost: 'engine' });
    const untouched = Promise.race([running.died, other.died, started.exited]).then(() => 'ended');
    expect(await Promise.race([untouched, settle().then(() => 'as it was')])).toBe('as it was');
  });
});

describe('Link, with a launcher that does not answer,', () => {
  beforeEach(ready);

  it('asks nothing while nobody waits for it', async () => {
    await clock.advance(60_000);
    expect([pair.requests.length, clock.pending, silences]).toEqual([0, 0, []]);
  });

  it('refuses those who wait within 6 s, and everybody else at once', async () => {
    const pending = link.ask<'list'>({ kind: 'list', engine: 'podman' });
    const refused = expect(pending).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await clock.advance(6000);
    await refused;
    expect(silences).toEqual([true]);
    expect(() => link.launch('podman', spec)).toThrow(expect.objectContaining({ code: 'ENGINE_UNAVAILABLE' }));
    await expect(link.ask<'list'>({ kind: 'list', engine: 'podman' })).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });

  it('gives up what does not run yet, and nothing else', async () => {
    const running = link.launch('podman', spec);
    pair.report({ kind: 'taken', name: spec.name });
    pair.report({ kind: 'running', name: spec.name });
    await settle();
    const waiting = link.launch('podman', { ...spec, name: 'gangway-demo-2' });
    await clock.advance(6000);
    expect(await waiting.exited).toEqual(lost);
    const ended = running.died.then(() => 'ended');
    expect(await Promise.race([ended, settle().then(() => 'as it was')])).toBe('as it was');
  });

  it('waits as long as it takes when it does answer, and the work is long', async () => {
    const pending = link.ask<'list'>({ kind: 'list', engine: 'podman' });
    for (let second = 0; second < 120; second++) {
      await clock.advance(1000);
      pair.report({ kind: 'pong' });
    }
    pair.report({ kind: 'answer', id: 1, value: [] });
    expect([await pending, silences]).toEqual([[], []]);
  });

  it('is used again when it is heard again', async () => {
    void link.ask<'list'>({ kind: 'list', engine: 'podman' }).catch(() => undefined);
    await clock.advance(10_000);
    pair.report({ kind: 'pong' });
    await settle();
    expect(silences).toEqual([true, false]);
    expect(() => link.launch('podman', spec)).not.toThrow();
  });

  it('says after 30 s that there is no hope', async () => {
    void link.ask<'list'>({ kind: 'list', engine: 'podman' }).catch(() => undefined);
    await clock.advance(29_000);
    expect(isHopeless).toBe(false);
    await clock.advance(2000);
    expect(isHopeless).toBe(true);
  });
});

describe('Link', () => {
  it('passes the troubles of engines on', async () => {
    pair.report({ kind: 'trouble', engine: 'docker' });
    await settle();
    expect(troubles).toEqual(['docker']);
  });
});
