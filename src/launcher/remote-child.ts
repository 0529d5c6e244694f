import { deferred } from '../base/deferred.ts';
import { codeOf } from '../base/errors.ts';
import type { Child, EngineKind, Exit } from '../engine/engine.ts';
import type { ChildStreams } from './child-streams.ts';

/** What can be told of an end that is told by nobody. */
export const lost: Exit = { code: undefined, signal: undefined, lost: 'launcher' };

/** A server that the launcher has started, or is about to: its streams are here already. */
export class RemoteChild implements Child {
  readonly name: string;
  readonly engine: EngineKind;
  readonly stdin: Child['stdin'];
  readonly stdout: Child['stdout'];
  readonly stderr: Child['stderr'];
  readonly kill: () => void;
  readonly #streams: ChildStreams;
  readonly #running = deferred();
  readonly #died = deferred<Exit>();
  readonly #exited = deferred<Exit>();
  #isTaken = false;
  #isRunning = false;

  /**
   * @param engine that runs it
   * @param kill passes the order on; also when a stream could not be had, and nothing must be started any more
   */
  constructor(name: string, engine: EngineKind, streams: ChildStreams, kill: () => void) {
    this.name = name;
    this.engine = engine;
    this.#streams = streams;
    this.kill = kill;
    ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = streams);
    for (const stream of [this.stdin, this.stdout, this.stderr]) {
      stream.once('error', (error) => {
        if (this.#isTaken) return;
        this.onLost(notHandedOver(codeOf(error)));
        kill();
      });
    }
  }

  get running(): Promise<void> {
    return this.#running.promise;
  }

  get died(): Promise<Exit> {
    return this.#died.promise;
  }

  get exited(): Promise<Exit> {
    return this.#exited.promise;
  }

  /** Whether the streams are the child's. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  onTaken(): void {
    this.#isTaken = true;
    this.#streams.stdin.release();
  }

  /** Whether it is known to have begun. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  onRunning(): void {
    this.#isRunning = true;
    this.#running.resolve();
  }

  onDied(exit: Exit): void {
    this.#died.resolve(exit);
    this.#running.resolve();
  }

  /** Its last words may still be on their way: whoever reads gets them, and the rest is thrown away. */
  onExited(exit: Exit): void {
    this.#exited.resolve(exit);
    const { stdin, stdout, stderr } = this.#streams;
    stdin.destroy();
    for (const stream of [stdout, stderr]) {
      if (this.#isTaken) stream.resume();
      else stream.destroy();
    }
  }

  /** Nothing more will be told of it. */
  onLost(exit: Exit): void {
    this.onDied(exit);
    this.onExited(exit);
  }
}

/** Without a stream nothing was started: for lack of descriptors here; or the launcher did not, or could not, take it. */
function notHandedOver(code: string | undefined): Exit {
  return code === 'EMFILE' || code === 'ENFILE' ? { code: undefined, signal: undefined, error: code } : lost;
}
