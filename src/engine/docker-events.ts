import { createInterface } from 'node:readline';
import type { Cancel, Clock } from '../base/clock.ts';
import type { Child } from './engine.ts';
import type { Fates } from './fates.ts';
import { labelKeys } from './labels.ts';

/** A stream that ended is opened again after this long, doubled from time to time. */
const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** One that lived this long was a good one. */
const goodMs = 10_000;

interface Surroundings {
  readonly fates: Fates;
  readonly clock: Clock;
  /** The engine has said something: it is alive. */
  readonly onHeard: () => void;
  /** The stream is lost; with it, perhaps, the engine. */
  readonly onLost: () => void;
}

/**
 * What Docker itself says of our containers, from one long-lived client. A death is told about 40 ms after it
 * happened, with its exit code and a word about memory; the client of the container takes three times as long.
 */
export class DockerEvents {
  readonly #spawn: () => Child;
  readonly #around: Surroundings;
  #child: Child | undefined;
  #cancel: Cancel = () => undefined;
  #pauseMs = firstPauseMs;
  #isWanted = false;

  /** @param spawn starts the client with `eventsArgs` */
  constructor(spawn: () => Child, around: Surroundings) {
    this.#spawn = spawn;
    this.#around = around;
  }

  /** Whether the stream is there, as far as is known. */
  get isOpen(): boolean {
    return this.#child !== undefined;
  }

  /** Listens from now on; a stream that is lost is opened again. */
  open(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#listen();
  }

  close(): void {
    this.#isWanted = false;
    this.#cancel();
    this.#child?.stdin.end();
  }

  #listen(): void {
    const startedAt = this.#around.clock.now();
    let child: Child;
    try {
      child = this.#spawn();
    } catch {
      // No descriptor is left for it.
      this.#listenAgain(startedAt);
      return;
    }
    this.#child = child;
    child.stderr.resume();
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#onLine(line);
    });
    child.stdout.once('close', () => {
      child.stdin.end();
      this.#child = undefined;
      if (!this.#isWanted) return;
      this.#listenAgain(startedAt);
      this.#around.onLost();
    });
  }

  #listenAgain(startedAt: number): void {
    const { clock } = this.#around;
    this.#pauseMs = clock.now() - startedAt >= goodMs ? firstPauseMs : Math.min(2 * this.#pauseMs, longestPauseMs);
    this.#cancel = clock.after(this.#pauseMs, () => {
      this.#listen();
    });
  }

  #onLine(line: string): void {
    const event = parse(line);
    if (!event) return;
    const { fates, onHeard } = this.#around;
    onHeard();
    const [action, name, exitCode] = event;
    if (action === 'start') fates.runs(name);
    else if (action === 'oom') fates.ranOutOfMemory(name);
    else if (action === 'die') fates.dies(name, { code: codeIn(exitCode), signal: undefined });
  }
}

/** Each cell as JSON: a label of an image can pose as an attribute, and a line break in it as another event. */
const format = ['.Action', 'index .Actor.Attributes "name"', 'index .Actor.Attributes "exitCode"']
  .map((value) => `{{json (${value})}}`)
  .join('\t');

/** The question to the client. What happened in the last minute is told again: nothing is missed between two streams. */
export function eventsArgs(ownerToken: string): string[] {
  const filters = [`label=${labelKeys.owner}=${ownerToken}`, 'type=container', 'event=start', 'event=die', 'event=oom'];
  return ['events', ...filters.flatMap((filter) => ['--filter', filter]), '--since', '60s', '--format', format];
}

function parse(line: string): [action: string, name: string, exitCode: string] | undefined {
  try {
    const [action = '', name = '', exitCode = ''] = line.split('\t').map((cell) => String(JSON.parse(cell)));
    return [action, name, exitCode];
  } catch {
    return undefined;
  }
}

function codeIn(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}
