import { execa } from 'execa';
import { settlesWithin } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { EngineKind, Progress } from './engine.ts';
import { clientEnvironment } from './run-args.ts';
import { needSpareDescriptors } from './spare-descriptors.ts';

export interface Answer {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** An engine from which nothing at all comes for this long, while it is asked, does not answer. */
const silentMs = 5000;

/** The engine's command-line client, asked short questions and followed at long work; and when it was last heard of. */
export class EngineClient {
  readonly kind: EngineKind;
  readonly #file: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: Clock;
  #heardAt = -Infinity;
  #onSilence: () => void = () => undefined;

  /** @param file the client's absolute path */
  constructor(kind: EngineKind, file: string, environment: NodeJS.ProcessEnv, clock: Clock) {
    this.kind = kind;
    this.#file = file;
    this.#environment = environment;
    this.#clock = clock;
  }

  /** The engine has given a sign of life. */
  hear(): void {
    this.#heardAt = this.#clock.now();
  }

  /** For how long nothing was heard, in milliseconds. */
  get quietMs(): number {
    return this.#clock.now() - this.#heardAt;
  }

  /** Has `listener` called when a question got no answer in time. */
  onSilence(listener: () => void): void {
    this.#onSilence = listener;
  }

  /** One short question. An `exitCode` of undefined: no answer in time. */
  async ask(args: readonly string[], timeout: number): Promise<Answer> {
    needSpareDescriptors();
    const { exitCode, stdout, stderr } = await execa(this.#file, args, {
      ...{ env: clientEnvironment(this.#environment, []), extendEnv: false, stdin: 'ignore', reject: false },
      ...{ timeout, forceKillAfterDelay: 2000, detached: true, cleanup: false, maxBuffer: 64 * 1024 * 1024 },
    });
    if (exitCode === undefined) this.#onSilence();
    else if (exitCode === 0) this.hear();
    return { exitCode, stdout, stderr };
  }

  /**
   * The same for a question that decides whether the engine is there: not waited for to its deadline when nothing
   * else comes from the engine either. A busy engine is slow, and is heard of all the same.
   */
  async askOrGiveUp(args: readonly string[], timeout: number): Promise<Answer> {
    const askedAt = this.#clock.now();
    const question = this.ask(args, timeout);
    for (;;) {
      if (await settlesWithin(question, silentMs / 5, this.#clock)) return question;
      if (Math.min(this.#clock.now() - askedAt, this.quietMs) >= silentMs)
        return { exitCode: undefined, stdout: '', stderr: '' };
    }
  }

  /** A long piece of work whose lines people see as they come. Resolves to why it failed. */
  async follow(args: readonly string[], timeout: number, progress: Progress): Promise<string | undefined> {
    needSpareDescriptors();
    const child = execa(this.#file, args, {
      ...{ env: clientEnvironment(this.#environment, []), extendEnv: false, stdin: 'ignore', reject: false },
      ...{ timeout, all: true, buffer: false, cleanup: true },
    });
    const tail: string[] = [];
    for await (const line of child.iterable({ from: 'all' })) {
      // A builder writes colours, terminal or not.
      const clean = printable(line).trim();
      if (clean === '') continue;
      progress(clean);
      tail.push(clean);
      if (tail.length > 20) tail.shift();
    }
    const { exitCode, timedOut } = await child;
    if (exitCode === 0) return undefined;
    if (timedOut) return `it took longer than ${timeout / 60_000} minutes`;
    return (
      tail.findLast((line) => /error|denied|unauthorized|not found/i.test(line)) ?? tail.at(-1) ?? 'no reason given'
    );
  }

  /** The error for a question that failed; the engine's own words are its cause, for the log. */
  failure(what: string, answer: Answer): BridgeError {
    const why =
      answer.exitCode === undefined ? 'it did not answer in time' : (answer.stderr.trim().split('\n').at(-1) ?? '');
    return new BridgeError(
      'ENGINE_UNAVAILABLE',
      `Cannot ${what}: ${this.kind} failed`,
      { engine: this.kind },
      { cause: why },
    );
  }
}
