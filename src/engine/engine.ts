import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { BridgeError } from '../base/errors.ts';
import type { EnvEntry, Mount, ProcessSource } from '../config/config.ts';

export type EngineKind = 'podman' | 'docker' | 'process';

/**
 * Everything an engine needs to start one server: plain data, so that it can cross a process boundary.
 * It is made from `servers.yaml` alone; nothing of a client's or an image's ever gets in.
 */
export interface LaunchSpec {
  /** Unique, registered before the start, and the handle by which the engine ends it. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly source: Exclude<ProcessSource, { kind: 'build' | 'package' }>;
  readonly args: readonly string[];
  readonly env: readonly EnvEntry[];
  readonly mounts: readonly Mount[];
  readonly user: string | undefined;
  readonly network: 'outbound' | 'none';
  readonly sandbox: 'default' | 'strict';
  readonly resources: { readonly cpus: number; readonly memoryBytes: number; readonly pids: number };
  /** The engine ends the container after this many seconds whatever happens to Gangway (Podman only). */
  readonly lifetimeSeconds: number;
}

/** How a child ended: its own exit code, or the signal that ended it. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Set when there never was a process: the program could not be started. */
  readonly error?: string;
  /** The kernel killed it, for its container had no memory left. */
  readonly isOomKilled?: boolean;
  /**
   * Nobody can say how it ended, or whether: the engine went away, the monitor that it has for the container, or the
   * launcher that had started it.
   */
  readonly lost?: 'engine' | 'monitor' | 'launcher';
}

/** What becomes of a started server. */
export interface Life {
  readonly name: string;
  /** Resolves once the process in it runs (a container may take most of a second), or when it has ended. */
  readonly running: Promise<void>;
  /**
   * Resolves once the process in it has ended, as soon as the engine tells; at the latest with `exited`. What it said
   * last may still be on its way. Never rejects.
   */
  readonly died: Promise<Exit>;
  /** Resolves when our end of it is gone: the engine's client, or the process itself. Never rejects. */
  readonly exited: Promise<Exit>;
  /** The last resort, when the engine says that the container is gone and its client lives on. */
  kill(): void;
}

/** What a server says. */
export interface Output extends Readable {
  /**
   * Cheaper than to listen to `data`, where it is offered.
   *
   * @param take gets bytes that are there until it returns
   */
  takeChunks?(take: (chunk: Buffer) => void): void;
}

/** A started server: three byte streams, and its end. */
export interface Child extends Life {
  readonly stdin: Writable;
  readonly stdout: Output;
  readonly stderr: Readable;
}

/** The standard input, output and error of a program that is to be started: open sockets, whose other ends are with whoever speaks to it. */
export type Stdio = readonly [stdin: Socket, stdout: Socket, stderr: Socket];

/** A container (or process) that carries our labels. */
export interface ContainerRecord {
  readonly name: string;
  /** The engine's own word: created, running, exited, … */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One line of a pull or a build, for people. */
export type Progress = (line: string) => void;

/** What runs an image. Only this folder knows Podman and Docker; everybody else knows this interface. */
export interface Engine {
  readonly kind: EngineKind;
  readonly version: string;
  /**
   * Makes sure that the image of a source is there. All who ask for the same image share one pull or build.
   *
   * @returns the source to launch: of a `build` or a `package`, the image that was built
   * @throws {BridgeError} `IMAGE_UNAVAILABLE`, `BUILD_FAILED`
   */
  prepare(
    source: ProcessSource,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']>;
  /**
   * The same, and looks again where the source may have changed: at the folder of a `build`. What was prepared before
   * stays in use until there is something new, and when that fails.
   *
   * @throws {BridgeError} as `prepare`
   */
  renew(source: ProcessSource, pull: 'missing' | 'always' | 'never', progress: Progress): Promise<LaunchSpec['source']>;
  /** Starts a child at once; what goes wrong shows in its `exited`. */
  launch(spec: LaunchSpec): Child;
  /**
   * Removes containers by force, whatever state they are in. A name that is not there counts as removed.
   *
   * @throws {BridgeError} `ENGINE_UNAVAILABLE` when the engine fails or does not answer in time
   */
  remove(names: readonly string[]): Promise<void>;
  /**
   * All containers with our labels, of every owner.
   *
   * @throws {BridgeError} `ENGINE_UNAVAILABLE` when the engine fails or does not answer in time
   */
  list(): Promise<ContainerRecord[]>;
  /** Ends what listens to the engine, if anything does: until then the program does not end by itself. */
  close?(): void;
}

/** An engine that can go away and come back. */
export interface ContainerEngine extends Engine {
  /** Has `listener` called whenever something makes it likely that the engine does not answer any more. */
  onTrouble(listener: () => void): void;
  /** The engine does not answer: what does not run yet counts as lost. */
  abandonStarts(): void;
  close(): void;
}

/** An engine of this very process: it can start servers whose streams are somebody else's. */
export interface LocalEngine extends Engine {
  /** The same as `launch`, on these streams. They are the caller's to close, right afterwards. */
  launchOn(stdio: Stdio, spec: LaunchSpec): Life;
}

/** Where the engines of a bridge come from. */
export interface EngineMaker {
  /**
   * Finds a container engine that works.
   *
   * @throws {BridgeError} `ENGINE_UNAVAILABLE` that says of each one tried why it does not work
   */
  detect(wanted: 'auto' | Exclude<EngineKind, 'process'>): Promise<DetectedEngine>;
  /** What runs plain processes. */
  processes(): Engine;
  /** Why nothing can be started or ended now, whatever engine it is for; undefined when it can. */
  readonly failure: BridgeError | undefined;
  /** Has `listener` called when that has changed, or whatever ran before is lost. */
  onChange(listener: () => void): void;
  /** For `/status`. */
  status(): object;
}

export interface DetectedEngine {
  readonly engine: ContainerEngine;
  /** Those tried before it, and why each does not work. */
  readonly skipped: readonly string[];
}
