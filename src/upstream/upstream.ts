import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { deferred } from '../base/deferred.ts';
import type { ErrorData } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Redactor } from '../base/redact.ts';
import type { Child, Engine, Exit } from '../engine/engine.ts';
import { engineRefusal, isEngineRefusal, type EngineRefusal } from '../engine/refusal.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { LineFramer } from '../jsonrpc/line-framer.ts';
import {
  isRefusal,
  serverLimits,
  takeMessage,
  readMessage,
  type Batch,
  type Envelope,
  type Id,
  type Refusal,
} from '../jsonrpc/message.ts';
import { oneLine } from '../jsonrpc/one-line.ts';
import { Scanner } from '../jsonrpc/scan.ts';
import { exitFacts } from './exit-facts.ts';
import { lastWords, lastWordsMs } from './last-words.ts';
import type { Leaks } from './leaks.ts';
import { LineWriter } from './line-writer.ts';
import { Noise } from './noise.ts';
import { readInTurns, turnBytes } from './read-in-turns.ts';
import { StderrTail, type StderrLines } from './stderr-tail.ts';
import { endChild, graceMs } from './stop.ts';

export type UpstreamState = 'starting' | 'ready' | 'stopping' | 'gone';

/** Why no more messages come. */
export interface UpstreamEnd {
  readonly reason: 'exited' | 'line-too-long' | 'too-noisy' | 'stopped';
  readonly exit: Exit | undefined;
}

/** Who listens to an upstream: its one session. */
export interface Receiver {
  /**
   * One message, whole, as bytes and as what the relay must know of it.
   *
   * @param bytes are there until it returns, see `Bytes.kept`
   */
  onMessage(envelope: Envelope, bytes: Bytes): void;
  /** What was to be the answer to this id is no message. */
  onGarbled(id: Id): void;
  /** After the last message. */
  onEnd(end: UpstreamEnd): void;
}

interface Surroundings {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly maxLineBytes: number;
  /** Containers that could not be removed. */
  readonly leaks: Leaks;
  readonly server: string;
  /** The limit of its container; 0 is none. */
  readonly memoryBytes: number;
}

/** So many bytes may wait for a server that reads its input; and for one that has not read all of it for a while. */
const maxPendingBytes = 8 * 1024 * 1024;
const maxStalledBytes = 1024 * 1024;
const stalledMs = 1000;
/** A server that closes its output ends within this time, nearly always; the client of an engine that refused it is slower. */
const exitMs = { ready: 100, starting: 2000 } as const;

/**
 * One running server as a message channel: lines out, lines in, and a certain end.
 *
 * Nothing is read before a receiver is attached, so an upstream that waits warm keeps whatever it says for its client.
 */
export class Upstream {
  readonly name: string;
  /** Monotonic, of the injected clock. */
  readonly startedAt: number;
  /** Resolves when the server runs or has ended: a start that no longer loads the machine. */
  readonly settled: Promise<void>;
  /** Resolves when the process has ended and its last words were read, see `lastWordsMs`. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Resolves when the container is gone for certain, however long that takes. */
  readonly gone: Promise<void>;

  readonly #child: Child;
  readonly #around: Surroundings;
  readonly #stderr: StderrTail;
  readonly #noise: Noise;
  readonly #writer: LineWriter;
  readonly #framer: LineFramer;
  readonly #scanner = new Scanner(serverLimits);
  readonly #spoke = deferred();
  readonly #gone = deferred();
  #receiver: Receiver | undefined;
  #end: UpstreamEnd | undefined;
  #exit: Exit | undefined;
  #refusal: EngineRefusal | undefined;
  #stopping: Promise<void> | undefined;
  #state: UpstreamState = 'starting';
  /** When something was sent and nothing waited. */
  #pendingSince = 0;
  /** Whether the client is behind. */
  #isPaused = false;
  #bytesInTurn = 0;
  /** When it wrote anything. */
  #heardAt = -Infinity;

  constructor(child: Child, around: Surroundings) {
    this.name = child.name;
    this.startedAt = around.clock.now();
    this.#child = child;
    this.#around = around;
    this.#writer = new LineWriter(child.stdin);
    this.#stderr = new StderrTail(around.redactor, around.clock);
    this.#noise = new Noise({ ...around, name: child.name, tail: this.#stderr });
    this.#framer = new LineFramer(around.maxLineBytes, {
      onBegin: () => {
        this.#scanner.reset();
      },
      onPart: (part) => {
        this.#scanner.push(part);
      },
      onLine: (line) => {
        this.#onLine(line);
      },
      onTooLong: () => {
        this.#finish('line-too-long');
      },
    });
    readInTurns(child.stderr, (chunk) => {
      this.#heardAt = around.clock.now();
      this.#stderr.push(chunk);
    });
    this.gone = this.#gone.promise;
    this.settled = Promise.race([child.running, this.#spoke.promise, child.died]).then(() => {
      if (this.#state === 'starting' && !this.#exit) this.#state = 'ready';
    });
    this.exited = child.died.then((exit) => this.#onDeath(exit));
    // Also after an end of its own: whatever is left of the container goes.
    void this.exited.then(({ lost }) => this.stop(lost === 'monitor' ? 0 : graceMs));
  }

  get state(): UpstreamState {
    return this.#state;
  }

  /** How the process ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Why the engine refused to run it. */
  get refusal(): EngineRefusal | undefined {
    return this.#refusal;
  }

  /** Whether it ended without being told to. */
  get hasDied(): boolean {
    return this.#end !== undefined && this.#end.reason !== 'stopped';
  }

  /** Lines on stdout that were no messages. */
  get noiseLines(): number {
    return this.#noise.lines;
  }

  /** What the server says on stderr, and what it says on stdout that is no message. */
  get stderr(): StderrLines {
    return this.#stderr;
  }

  /** Gives all that the server says to one receiver, from the first byte. */
  attach(receiver: Receiver): void {
    if (this.#receiver) throw new Error('An upstream has one receiver');
    this.#receiver = receiver;
    if (this.#end) {
      receiver.onEnd(this.#end);
      return;
    }
    const { stdout } = this.#child;
    const take = (chunk: Buffer): void => {
      this.#heardAt = this.#around.clock.now();
      if (this.#state === 'starting') this.#spoke.resolve();
      this.#writer.heard();
      this.#framer.push(chunk);
      this.#giveWay(chunk.length);
    };
    if (stdout.takeChunks) stdout.takeChunks(take);
    else stdout.on('data', take);
    stdout.once('end', () => {
      this.#framer.end();
      void this.#onOutputClosed();
    });
    stdout.resume();
  }

  /** Whether much of what was sent waits to be read: whoever has a choice sends no more. */
  get isBusy(): boolean {
    const pending = this.#writer.pendingBytes;
    if (pending <= maxStalledBytes) return false;
    const isStalled = this.#around.clock.now() - this.#pendingSince >= stalledMs;
    return pending > (isStalled ? maxStalledBytes : maxPendingBytes);
  }

  /** Sends one message. @param bytes one JSON text without a line break */
  send(bytes: Bytes): void {
    if (this.#writer.pendingBytes === 0) this.#pendingSince = this.#around.clock.now();
    this.#writer.write(bytes);
  }

  /** Stops reading, so that the server slows down to its client's pace. */
  pause(): void {
    this.#isPaused = true;
    this.#child.stdout.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#receiver && this.#bytesInTurn < turnBytes) this.#child.stdout.resume();
  }

  /**
   * Ends the server and its container; any number of callers get the same promise. Never rejects.
   *
   * @param grace how long the server may take to leave by itself, in milliseconds
   */
  stop(grace = graceMs): Promise<void> {
    this.#stopping ??= this.#stop(grace);
    return this.#stopping;
  }

  /** Facts for an error text: how it ended, and the last lines on stderr, where they are the server's. */
  describeExit(): ErrorData {
    const { engine, memoryBytes } = this.#around;
    const facts = exitFacts(this.#exit ?? { code: undefined, signal: undefined }, engine.kind, memoryBytes);
    if (this.#refusal) return { ...facts, engineReason: this.#refusal.reason };
    // The last words are those of the engine's client, which name its socket.
    if (facts['lost'] === 'engine') return facts;
    return { ...facts, stderr: this.#stderr.lines(10) };
  }

  async #stop(grace: number): Promise<void> {
    this.#state = 'stopping';
    this.#writer.flush();
    await endChild(this.#child, this.#around, grace);
    // Its last words are why it ended.
    await settlesWithin(this.exited, 2 * lastWordsMs, this.#around.clock);
    this.#finish('stopped');
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    this.#stderr.end();
    this.#state = 'gone';
    this.#gone.resolve();
  }

  async #onDeath(exit: Exit): Promise<Exit> {
    this.#exit = exit;
    const hasRun = this.#state !== 'starting';
    const { stdout, stderr } = this.#child;
    const isHeard = this.#receiver !== undefined && !stdout.readableEnded;
    if (isHeard) this.resume();
    await lastWords(isHeard ? [stdout, stderr] : [stderr], () => this.#heardAt, this.#around.clock);
    if (isHeard) this.#framer.end();
    if (!hasRun) this.#noteRefusal(exit);
    this.#finish(this.#stopping ? 'stopped' : 'exited');
    return exit;
  }

  #noteRefusal({ code }: Exit): void {
    const text = this.#stderr.lines(10);
    if (this.#around.engine.kind === 'process' || !isEngineRefusal(code, text)) return;
    this.#refusal = engineRefusal(text);
    this.#around.log.warn({ container: this.name, ...this.#refusal }, 'the engine refused to run a container');
  }

  /** A server that closes its output can answer nothing any more, whether its process lives or not. */
  async #onOutputClosed(): Promise<void> {
    // Nearly always it is on its way out, and its exit code is worth a moment.
    const patienceMs = this.#state === 'starting' ? exitMs.starting : exitMs.ready;
    if (await settlesWithin(this.#child.died, patienceMs, this.#around.clock)) return;
    this.#finish(this.#stopping ? 'stopped' : 'exited');
    await this.stop();
  }

  /** From a server that writes without a pause, libuv reads 32 times before it looks at anything else. */
  #giveWay(bytes: number): void {
    const hasTurn = this.#bytesInTurn < turnBytes;
    this.#bytesInTurn += bytes;
    if (!hasTurn || this.#bytesInTurn < turnBytes) return;
    this.#child.stdout.pause();
    setImmediate(() => {
      this.#bytesInTurn = 0;
      if (!this.#isPaused) this.#child.stdout.resume();
    });
  }

  #onLine(line: Bytes): void {
    if (this.#end || !this.#receiver) return;
    const read = takeMessage(this.#scanner, line);
    if (!isRefusal(read) && read.kind === 'batch') {
      for (const element of read.elements) this.#onRead(readMessage(element, serverLimits), element);
    } else {
      this.#onRead(read, line);
    }
  }

  #onRead(read: Envelope | Batch | Refusal, bytes: Bytes): void {
    // A message of the same batch may have been one noise too many.
    if (this.#end) return;
    if (!isRefusal(read) && read.kind !== 'batch') {
      this.#receiver?.onMessage(read, oneLine(bytes));
      return;
    }
    if (this.#noise.add(bytes)) this.#finish('too-noisy');
    if (isRefusal(read) && read.answers !== undefined) this.#receiver?.onGarbled(read.answers);
  }

  #finish(reason: UpstreamEnd['reason']): void {
    if (this.#end) return;
    this.#end = { reason, exit: this.#exit };
    this.#receiver?.onEnd(this.#end);
    if (reason === 'line-too-long' || reason === 'too-noisy') void this.stop();
  }
}
