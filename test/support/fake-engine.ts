import { PassThrough } from 'node:stream';
import type { Clock } from '../../src/base/clock.ts';
import { deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import type {
  Child,
  ContainerEngine,
  ContainerRecord,
  EngineKind,
  Exit,
  LaunchSpec,
  Output,
} from '../../src/engine/engine.ts';
import type { ProcessSource } from '../../src/config/config.ts';

/** How one server behaves; without a word it starts at once, answers `initialize`, and ends with its input. */
export interface Habit {
  /** What it does with each line that it reads; by default it answers `initialize`. */
  readonly onLine?: (line: string, child: FakeChild) => void;
  /** It never reads. */
  readonly isDeaf?: boolean;
  /** It lives on when its input ends. */
  readonly ignoresEof?: boolean;
  /** Its container appears, and its process runs, this long after the launch; Infinity is never. */
  readonly startsAfterMs?: number;
  /** It ends by itself, at once or so long after its launch. */
  readonly exits?: Exit & { readonly afterMs?: number };
  /** Its client does not notice that the container was removed. */
  readonly ignoresRemoval?: boolean;
  /** `launch` throws this. */
  readonly launchError?: Error;
}

const killed: Exit = { code: 137, signal: undefined };

/** What it brings is there while it is taken, and overwritten right afterwards. */
class Fleeting extends PassThrough implements Output {
  takeChunks(take: (chunk: Buffer) => void): void {
    this.on('data', (chunk: Buffer) => {
      const memory = Buffer.from(chunk);
      take(memory);
      memory.fill('#');
    });
  }
}

/** A server in a container that exists in memory only. */
export class FakeChild implements Child {
  readonly name: string;
  readonly spec: LaunchSpec;
  readonly stdin = new PassThrough();
  readonly stdout = new Fleeting();
  readonly stderr = new PassThrough();
  readonly running: Promise<void>;
  readonly died: Promise<Exit>;
  readonly exited: Promise<Exit>;
  /** Lines that it has read. */
  readonly received: string[] = [];
  readonly habit: Habit;
  wasKilled = false;
  hasExited = false;
  /** Whether the engine holds a container of this name. */
  hasContainer = false;
  readonly #running = deferred();
  readonly #died = deferred<Exit>();
  readonly #exited = deferred<Exit>();
  #rest = '';
  #sawEof = false;

  constructor(spec: LaunchSpec, habit: Habit, clock: Clock) {
    this.name = spec.name;
    this.spec = spec;
    this.habit = habit;
    this.running = this.#running.promise;
    this.died = this.#died.promise;
    this.exited = this.#exited.promise;
    if (!habit.isDeaf) this.#listen();
    if (habit.startsAfterMs === undefined) this.run();
    else if (Number.isFinite(habit.startsAfterMs)) {
      clock.after(habit.startsAfterMs, () => {
        this.run();
      });
    }
    const { exits } = habit;
    if (exits) {
      clock.after(exits.afterMs ?? 0, () => {
        this.exit(exits);
      });
    }
  }

  /** The process in the container begins. */
  run(): void {
    if (this.hasExited) return;
    this.hasContainer = true;
    this.#running.resolve();
    if (this.#sawEof) this.#onEof();
  }

  say(message: string | object): void {
    this.stdout.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  }

  /** The engine tells that the process has ended; its client has yet to notice. */
  die(exit: Exit): void {
    this.#died.resolve(exit);
    this.#running.resolve();
  }

  /** Ends in order: the engine removes its container (`--rm`). */
  exit(exit: Exit = { code: 0, signal: undefined }): void {
    this.hasContainer = false;
    this.#end(exit);
  }

  /** The client ends; its container is left behind. */
  kill(): void {
    this.wasKilled = true;
    this.#end({ code: undefined, signal: 'SIGKILL' });
  }

  /** The engine has removed the container. */
  onRemoved(): void {
    if (!this.hasContainer) return;
    this.hasContainer = false;
    if (!this.habit.ignoresRemoval) this.#end(killed);
  }

  get isGone(): boolean {
    return this.hasExited && !this.hasContainer;
  }

  #end(exit: Exit): void {
    if (this.hasExited) return;
    this.hasExited = true;
    this.stdout.end();
    this.stderr.end();
    this.die(exit);
    this.#exited.resolve(exit);
  }

  #listen(): void {
    this.stdin.setEncoding('utf8');
    this.stdin.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#onLine(line);
    });
    this.stdin.once('end', () => {
      this.#sawEof = true;
      if (this.hasContainer) this.#onEof();
    });
  }

  #onLine(line: string): void {
    this.received.push(line);
    (this.habit.onLine ?? answerInitialize)(line, this);
  }

  #onEof(): void {
    if (!this.habit.ignoresEof) this.exit();
  }
}

/** The result that fake servers give to `initialize`. */
export const initializeResult = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  serverInfo: { name: 'fake', version: '1' },
} as const;

export function answerInitialize(line: string, child: FakeChild): void {
  const { id, method } = JSON.parse(line) as { id?: unknown; method?: string };
  if (method === 'initialize') child.say({ jsonrpc: '2.0', id, result: initializeResult });
}

/** An engine in memory: it launches fake children and writes down what it is asked. */
export class FakeEngine implements ContainerEngine {
  readonly kind: EngineKind;
  readonly version = 'fake';
  readonly children: FakeChild[] = [];
  readonly removals: string[][] = [];
  lists = 0;
  /** The most containers at once, clients that still start or end included. */
  peak = 0;
  /** What `list` finds besides its own children. */
  foreign: ContainerRecord[] = [];
  /** While set, removals fail. */
  isFailing = false;
  /** While set, the list is refused. */
  isSilent = false;
  isClosed = false;
  /** What the folder of a `build` becomes the next time that it is looked at. */
  built: string | undefined;
  /** Why it cannot be built then. */
  renewError: Error | undefined;
  /** Tells whoever listens that the engine may be gone. */
  trouble: () => void = () => undefined;
  /** Decides how the next server behaves. */
  habit: Habit | ((count: number) => Habit);
  readonly #clock: Clock;
  #built: string | undefined;

  constructor(clock: Clock, habit: Habit | ((count: number) => Habit) = {}, kind: EngineKind = 'podman') {
    this.#clock = clock;
    this.habit = habit;
    this.kind = kind;
  }

  prepare(source: ProcessSource): Promise<LaunchSpec['source']> {
    if (source.kind === 'package') return Promise.resolve({ kind: 'image', image: `installed:${source.name}` });
    if (source.kind !== 'build') return Promise.resolve(source);
    const image = this.#built ?? `built:${source.context}`;
    return Promise.resolve({ kind: 'image', image });
  }

  renew(source: ProcessSource): Promise<LaunchSpec['source']> {
    if (this.renewError) return Promise.reject(this.renewError);
    this.#built = this.built;
    return this.prepare(source);
  }

  launch(spec: LaunchSpec): FakeChild {
    const habit = typeof this.habit === 'function' ? this.habit(this.children.length) : this.habit;
    if (habit.launchError) throw habit.launchError;
    const child = new FakeChild(spec, habit, this.#clock);
    this.children.push(child);
    this.peak = Math.max(this.peak, this.live.length);
    return child;
  }

  remove(names: readonly string[]): Promise<void> {
    this.removals.push([...names]);
    if (this.isFailing) return Promise.reject(new BridgeError('ENGINE_UNAVAILABLE', 'Cannot remove containers: fake'));
    for (const child of this.children) if (names.includes(child.name)) child.onRemoved();
    this.foreign = this.foreign.filter(({ name }) => !names.includes(name));
    return Promise.resolve();
  }

  onTrouble(listener: () => void): void {
    this.trouble = listener;
  }

  abandonStarts(): void {
    const starting = this.children.filter(({ hasContainer, hasExited }) => !hasContainer && !hasExited);
    for (const child of starting) child.die({ code: undefined, signal: undefined, lost: 'engine' });
  }

  close(): void {
    this.isClosed = true;
  }

  list(): Promise<ContainerRecord[]> {
    this.lists += 1;
    if (this.isSilent) return Promise.reject(new BridgeError('ENGINE_UNAVAILABLE', 'Cannot list containers: fake'));
    const own = this.children.filter(({ hasContainer }) => hasContainer);
    const records = own.map(({ name, spec: { labels } }) => ({ name, state: 'running', labels }));
    return Promise.resolve([...records, ...this.foreign]);
  }

  /** Names of those whose client or container is still there. */
  get live(): string[] {
    return this.children.filter(({ isGone }) => !isGone).map(({ name }) => name);
  }

  get last(): FakeChild {
    const child = this.children.at(-1);
    if (!child) throw new Error('Nothing was launched');
    return child;
  }
}
