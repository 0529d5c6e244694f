import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Log } from '../base/log.ts';
import type { EngineKind, Progress } from '../engine/engine.ts';
import type { Era } from '../modern/era.ts';

/** An MCP client on one server of its own, without a bridge in between: for the commands that look at a server. */
export interface DirectClient {
  readonly client: Client;
  /** What runs it; undefined for a server that runs already. */
  readonly engine: EngineKind | undefined;
  /** From its start to its answer to `initialize`. */
  readonly startMs: number;
  /** Lines on its stdout that are no messages. */
  readonly noiseLines: () => number;
  /** What it said last on stderr. */
  readonly stderr: () => readonly string[];
  /** Finds out what it speaks, from another one where that takes one; undefined for a server that runs already. */
  readonly findEra?: () => Promise<Era>;
  /** Resolves when the container is gone, and nothing listens to the engine any more. */
  readonly close: () => Promise<void>;
}

export interface DirectSurroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly progress: Progress;
}
