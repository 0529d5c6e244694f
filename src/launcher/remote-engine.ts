import { BridgeError } from '../base/errors.ts';
import type { ProcessSource } from '../config/config.ts';
import type { Child, ContainerEngine, ContainerRecord, EngineKind, LaunchSpec, Progress } from '../engine/engine.ts';
import type { Link } from './link.ts';

/** What an engine needs of whoever keeps the launcher running: launchers may end, and others take their place. */
export interface Launching {
  /**
   * The launcher of the moment; waits for one that is about to be ready.
   *
   * @throws {BridgeError} `ENGINE_UNAVAILABLE` at once while there is none
   */
  link(): Promise<Link>;
  /** The launcher of the moment, if there is one, ready or not. */
  readonly current: Link | undefined;
}

/** An engine that is in another process, the launcher. */
export class RemoteEngine implements ContainerEngine {
  readonly kind: EngineKind;
  readonly version: string;
  readonly #launching: Launching;
  #onTrouble: () => void = () => undefined;

  constructor(kind: EngineKind, version: string, launching: Launching) {
    this.kind = kind;
    this.version = version;
    this.#launching = launching;
  }

  prepare(
    source: ProcessSource,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']> {
    return this.#ask('prepare', source, pull, progress);
  }

  renew(
    source: ProcessSource,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']> {
    return this.#ask('renew', source, pull, progress);
  }

  launch(spec: LaunchSpec): Child {
    const { current } = this.#launching;
    if (!current) throw new BridgeError('ENGINE_UNAVAILABLE', 'Cannot start a server: there is no launcher');
    return current.launch(this.kind, spec);
  }

  async remove(names: readonly string[]): Promise<void> {
    const link = await this.#launching.link();
    await link.ask<'remove'>({ kind: 'remove', engine: this.kind, names: [...names] });
  }

  async list(): Promise<ContainerRecord[]> {
    const link = await this.#launching.link();
    return link.ask<'list'>({ kind: 'list', engine: this.kind });
  }

  onTrouble(listener: () => void): void {
    this.#onTrouble = listener;
  }

  /** The launcher says so. */
  onTroubleHeard(): void {
    this.#onTrouble();
  }

  abandonStarts(): void {
    this.#launching.current?.abandonStarts(this.kind);
  }

  close(): void {
    this.#launching.current?.tell({ kind: 'close', engine: this.kind });
  }

  async #ask(
    kind: 'prepare' | 'renew',
    source: ProcessSource,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']> {
    const link = await this.#launching.link();
    await link.ready;
    // There is nothing to prepare.
    if (source.kind === 'command') return source;
    return link.ask<'prepare' | 'renew'>({ kind, engine: this.kind, source, pull }, progress);
  }
}
