import type { Cancel, Clock } from '../base/clock.ts';
import { BridgeError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { DetectedEngine, Engine, EngineKind, EngineMaker } from '../engine/engine.ts';
import { openStreams } from './child-streams.ts';
import type { LauncherProcess } from './launcher-process.ts';
import { Link } from './link.ts';
import { RemoteEngine, type Launching } from './remote-engine.ts';

/** Before the next launcher, when one after the other ends; 0 for one that lived well. */
const pausesMs = [0, 500, 1000, 2000, 4000, 8000, 10_000];
/** One that lived this long was a good one. */
const goodMs = 10_000;

interface Surroundings {
  readonly spawn: () => LauncherProcess;
  readonly clock: Clock;
  readonly log: Log;
}

interface Launcher {
  readonly process: LauncherProcess;
  readonly link: Link;
  readonly startedAt: number;
}

/** Keeps a launcher running, and gives engines that are in it: they outlive it, and speak with the next one. */
export class LauncherKeeper implements EngineMaker, Launching {
  readonly #around: Surroundings;
  readonly #engines = new Set<RemoteEngine>();
  #launcher: Launcher | undefined;
  #failure: BridgeError | undefined;
  #deathsInARow = 0;
  #restarts = 0;
  #onChange: () => void = () => undefined;
  #cancelRestart: Cancel = () => undefined;
  #isClosed = false;

  /** Starts the first launcher. */
  constructor(around: Surroundings) {
    this.#around = around;
    this.#start();
  }

  get failure(): BridgeError | undefined {
    return this.#failure;
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  status(): object {
    const { pid } = this.#launcher?.process ?? {};
    return {
      launcher: {
        pid: pid ?? null,
        restarts: this.#restarts,
        ...(this.#failure ? { missing: messageOf(this.#failure) } : {}),
      },
    };
  }

  async detect(wanted: 'auto' | 'podman' | 'docker'): Promise<DetectedEngine> {
    const link = await this.link();
    const { kind, version, skipped } = await link.ask<'detect'>({ kind: 'detect', wanted });
    return { engine: this.#engine(kind, version), skipped };
  }

  processes(): Engine {
    return this.#engine('process', process.version);
  }

  link(): Promise<Link> {
    if (this.#failure) return Promise.reject(this.#failure);
    return this.#launcher ? Promise.resolve(this.#launcher.link) : Promise.reject(notThere());
  }

  get current(): Link | undefined {
    return this.#launcher?.link;
  }

  /** Lets the launcher go: it removes what is left of its children, if anything is, and ends. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRestart();
    this.#launcher?.process.release();
  }

  #engine(kind: EngineKind, version: string): RemoteEngine {
    const engine = new RemoteEngine(kind, version, this);
    this.#engines.add(engine);
    return engine;
  }

  #start(): void {
    const { spawn, clock, log } = this.#around;
    let process: LauncherProcess;
    try {
      process = spawn();
    } catch (error) {
      this.#onEnd(undefined, { error: messageOf(error) });
      return;
    }
    const startedAt = clock.now();
    const link = new Link({
      ...{ port: process.port, openStreams, clock },
      onTrouble: (kind) => {
        for (const engine of this.#engines) if (engine.kind === kind) engine.onTroubleHeard();
      },
      onSilence: (isSilent) => {
        this.#onSilence(isSilent);
      },
      onHopeless: () => {
        process.kill();
      },
    });
    const launcher: Launcher = { process, link, startedAt };
    this.#launcher = launcher;
    process.onLine((line) => {
      log.warn({ pid: process.pid, line }, 'the launcher says something');
    });
    process.port.onClose(() => {
      if (this.#launcher === launcher) this.#onClose(launcher);
    });
    link.ready.then(
      () => {
        this.#onReady(launcher);
      },
      () => undefined,
    );
  }

  #onReady({ process }: Launcher): void {
    if (this.#restarts === 0) return;
    this.#failure = undefined;
    this.#around.log.info({ pid: process.pid, restarts: this.#restarts }, 'there is a launcher again');
    this.#onChange();
  }

  #onClose({ process, startedAt }: Launcher): void {
    if (this.#around.clock.now() - startedAt >= goodMs) this.#deathsInARow = 0;
    void process.ended.then((how) => {
      this.#logEnd(process.pid, how);
    });
    this.#startAgain();
  }

  #onEnd(pid: number | undefined, how: object): void {
    this.#logEnd(pid, how);
    this.#startAgain();
  }

  #logEnd(pid: number | undefined, how: object): void {
    if (!this.#isClosed)
      this.#around.log.error({ pid, ...how }, 'the launcher ended, its servers are lost; starting another');
  }

  /** At once; a little later each time when that does not help. */
  #startAgain(): void {
    this.#launcher = undefined;
    if (this.#isClosed) return;
    const pauseMs = pausesMs[Math.min(this.#deathsInARow, pausesMs.length - 1)] ?? 0;
    this.#deathsInARow += 1;
    this.#restarts += 1;
    if (pauseMs === 0) {
      this.#start();
      return;
    }
    this.#failure = notThere();
    this.#onChange();
    this.#cancelRestart = this.#around.clock.after(pauseMs, () => {
      this.#start();
    });
  }

  #onSilence(isSilent: boolean): void {
    const { log } = this.#around;
    this.#failure = isSilent ? silent() : undefined;
    if (isSilent) log.error({ pid: this.#launcher?.process.pid }, 'the launcher does not answer');
    else log.info({ pid: this.#launcher?.process.pid }, 'the launcher answers again');
    this.#onChange();
  }
}

function notThere(): BridgeError {
  return new BridgeError(
    'ENGINE_UNAVAILABLE',
    'Cannot start or end anything: the launcher ended, and is started again',
  );
}

function silent(): BridgeError {
  return new BridgeError('ENGINE_UNAVAILABLE', 'Cannot start or end anything: the launcher does not answer');
}
