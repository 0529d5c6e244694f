import { beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { deferred } from '../../src/base/deferred.ts';
import { LauncherKeeper } from '../../src/launcher/keeper.ts';
import type { LauncherProcess } from '../../src/launcher/launcher-process.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { portPair, type PortPair } from '../support/port-pair.ts';
import { quietLog, type QuietLog } from '../support/quiet-log.ts';

/** A launcher that is none. */
class FakeProcess implements LauncherProcess {
  readonly pid: number;
  readonly pair: PortPair = portPair();
  readonly port = this.pair.bridge;
  readonly #ended = deferred<{ signal: string }>();
  readonly ended = this.#ended.promise;
  isReleased = false;
  say: (line: string) => void = () => undefined;

  constructor(pid: number) {
    this.pid = pid;
  }

  onLine(listener: (line: string) => void): void {
    this.say = listener;
  }

  kill(): void {
    this.pair.close();
    this.#ended.resolve({ signal: 'SIGKILL' });
  }

  release(): void {
    this.isReleased = true;
  }
}

let clock: ManualClock;
let quiet: QuietLog;
let processes: FakeProcess[];
let keeper: LauncherKeeper;
let changes: number;
/** While set, no launcher can be started. */
let spawnError: Error | undefined;

beforeEach(() => {
  clock = new ManualClock();
  quiet = quietLog();
  processes = [];
  spawnError = undefined;
  changes = 0;
  keeper = new LauncherKeeper({
    spawn: () => {
      if (spawnError) throw spawnError;
      const process = new FakeProcess(processes.length + 1);
      processes.push(process);
      return process;
    },
    clock,
    log: quiet.log,
  });
  keeper.onChange(() => (changes += 1));
});

const last = (): FakeProcess => processes.at(-1)!;

async function ready(): Promise<void> {
  last().pair.report({ kind: 'ready', socket: '/s' });
  await settle();
}

describe('LauncherKeeper', () => {
  it('starts a launcher, which is shown in the status', async () => {
    await ready();
    expect([processes.length, keeper.failure, changes]).toEqual([1, undefined, 0]);
    expect(keeper.status()).toEqual({ launcher: { pid: 1, restarts: 0 } });
  });

  it('starts another at once when one ends: who asks meanwhile is answered by that one', async () => {
    await ready();
    last().kill();
    const listed = keeper.processes().list();
    expect([processes.length, keeper.failure]).toEqual([2, undefined]);
    await ready();
    last().pair.report({ kind: 'answer', id: 1, value: [] });
    expect(await listed).toEqual([]);
    expect(changes).toBe(1);
    expect(keeper.status()).toEqual({ launcher: { pid: 2, restarts: 1 } });
    expect(quiet.lines.map(({ msg }) => msg)).toEqual([
      'the launcher ended, its servers are lost; starting another',
      'there is a launcher again',
    ]);
  });

  it('waits longer each time when one ends after the other, and says so to everybody who asks', async () => {
    const pauses: number[] = [];
    last().kill();
    for (let round = 0; round < 8; round++) {
      const [count, diedAt] = [processes.length, clock.now()];
      last().kill();
      expect(keeper.failure).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
      await expect(keeper.processes().list()).rejects.toBe(keeper.failure);
      while (processes.length === count) await clock.advance(100);
      pauses.push(clock.now() - diedAt);
    }
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    await ready();
    expect(keeper.failure).toBeUndefined();
  });

  it('starts the next one at once again after one that lived 10 s', async () => {
    last().kill();
    last().kill();
    await clock.advance(500);
    await ready();
    await clock.advance(10_000);
    last().kill();
    expect([processes.length, keeper.failure]).toEqual([4, undefined]);
  });

  it('tries again when none can be started', async () => {
    spawnError = new BridgeError('OVERLOADED', 'Cannot start a program: no descriptors');
    last().kill();
    expect(keeper.failure).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(keeper.status()).toMatchObject({ launcher: { pid: null } });
    spawnError = undefined;
    await clock.advance(500);
    await ready();
    expect([processes.length, keeper.failure]).toEqual([2, undefined]);
  });

  it('refuses while the launcher does not answer, and ends it after half a minute', async () => {
    await ready();
    const refused = expect(keeper.processes().list()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await clock.advance(6000);
    await refused;
    expect([keeper.failure?.code, changes]).toEqual(['ENGINE_UNAVAILABLE', 1]);
    await clock.advance(26_000);
    expect(processes).toHaveLength(2);
    await ready();
    expect(keeper.failure).toBeUndefined();
  });

  it('uses it again when it answers again', async () => {
    await ready();
    void keeper
      .processes()
      .list()
      .catch(() => undefined);
    await clock.advance(6000);
    last().pair.report({ kind: 'pong' });
    await settle();
    expect([keeper.failure, changes, processes.length]).toEqual([undefined, 2, 1]);
  });

  it('gives an engine that speaks with the launcher of the moment', async () => {
    await ready();
    const detected = keeper.detect('auto');
    await settle();
    last().pair.report({ kind: 'answer', id: 1, value: { kind: 'docker', version: '27', skipped: ['podman: no'] } });
    const { engine, skipped } = await detected;
    expect([engine.kind, engine.version, skipped]).toEqual(['docker', '27', ['podman: no']]);
    last().kill();
    await ready();
    void engine.list();
    await settle();
    expect(last().pair.requests).toContainEqual({ kind: 'list', engine: 'docker', id: 1 });
  });

  it('tells an engine of its trouble', async () => {
    await ready();
    const detected = keeper.detect('auto');
    await settle();
    last().pair.report({ kind: 'answer', id: 1, value: { kind: 'docker', version: '27', skipped: [] } });
    const { engine } = await detected;
    let troubles = 0;
    engine.onTrouble(() => (troubles += 1));
    last().pair.report({ kind: 'trouble', engine: 'docker' });
    last().pair.report({ kind: 'trouble', engine: 'podman' });
    await settle();
    expect(troubles).toBe(1);
  });

  it('logs what a launcher says', () => {
    last().say('a stack trace');
    expect(quiet.lines).toEqual([expect.objectContaining({ line: 'a stack trace', pid: 1 })]);
  });

  it('lets the launcher go when it is closed, and starts no other', async () => {
    keeper.close();
    expect(last().isReleased).toBe(true);
    last().kill();
    await clock.advance(60_000);
    expect([processes.length, quiet.lines]).toEqual([1, []]);
  });
});

describe('RemoteEngine, without a launcher,', () => {
  beforeEach(() => {
    last().kill();
    last().kill();
  });

  it('refuses to launch', () => {
    expect(() => keeper.processes().launch({} as never)).toThrow(
      expect.objectContaining({ code: 'ENGINE_UNAVAILABLE' }),
    );
  });

  it('has nothing to abandon or to close', () => {
    const engine = keeper.processes();
    expect(() => engine.close?.()).not.toThrow();
  });
});
