import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { systemClock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { Config, ProcessServer, ServerConfig } from '../config/config.ts';
import type { Engine, LaunchSpec } from '../engine/engine.ts';
import { ownerOf } from '../engine/labels.ts';
import { askEra, type Disposable } from '../modern/era.ts';
import { Budget } from '../pool/budget.ts';
import { StartGate } from '../pool/start-gate.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { ownLease } from '../relay/own-channel.ts';
import { viewLease } from '../relay/view-channel.ts';
import { makeRelay } from '../service/relay.ts';
import { Deaths } from '../upstream/deaths.ts';
import { Leaks } from '../upstream/leaks.ts';
import { startFailed } from '../upstream/start-failed.ts';
import { startUpstream } from '../upstream/start.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { DirectClient, DirectSurroundings } from './direct.ts';
import { stderrIn } from './errors.ts';
import { LeaseTransport } from './lease-transport.ts';

/** The container is gone within this time, or left to the next start of Gangway. */
const closeMs = 30_000;

/**
 * Starts a server and does the handshake; with one that refuses it, what takes its place in 2026-07-28.
 *
 * @throws {BridgeError} what `openDirect` throws
 */
export async function openProcess(
  config: Config,
  server: ProcessServer,
  engine: Engine,
  around: DirectSurroundings,
): Promise<DirectClient> {
  const startedAt = performance.now();
  const source = await engine.prepare(server.source, server.pull, around.progress);
  const starts = new Starts(config, server, engine, source, around);
  try {
    const { client, isModern } = await connect(starts, server, around);
    const startMs = performance.now() - startedAt;
    return {
      ...{ client, engine: engine.kind, startMs },
      noiseLines: () => starts.last?.noiseLines ?? 0,
      stderr: () => stderrIn(starts.last?.describeExit() ?? {}),
      findEra: async () => (isModern ? 'modern' : (await starts.ask()).era),
      close: async () => {
        await client.close();
        await starts.end();
      },
    };
  } catch (error) {
    await starts.end();
    throw error;
  }
}

/** What was started for one command. */
class Starts {
  readonly #server: ProcessServer;
  readonly #engine: Engine;
  readonly #start: () => Upstream;
  readonly #running = new Set<Upstream>();
  last: Upstream | undefined;

  constructor(
    { file }: Config,
    server: ProcessServer,
    engine: Engine,
    source: LaunchSpec['source'],
    { log }: DirectSurroundings,
  ) {
    this.#server = server;
    this.#engine = engine;
    // Not the instance of a bridge: one in another container could not see that we live, and would sweep what is its own.
    const owner = ownerOf(`${file}\ncommand ${process.pid}`, {});
    const context = { owner, held: new Set<string>(), clock: systemClock, log };
    this.#start = () =>
      startUpstream(engine, server, source, { ...context, leaks: new Leaks(systemClock), deaths: new Deaths() });
    process.once('SIGINT', this.#interrupted).once('SIGTERM', this.#interrupted);
  }

  /** Starts the one that the command is about. */
  readonly one = (): Upstream => {
    this.last = this.#start();
    this.#running.add(this.last);
    return this.last;
  };

  /** Finds out what it speaks, from one more. */
  ask(): ReturnType<typeof askEra> {
    const start = (): Promise<Disposable> => {
      const upstream = this.#start();
      this.#running.add(upstream);
      return Promise.resolve({ upstream, givenUp: undefined, end: () => upstream.stop() });
    };
    return askEra({ start, limitMs: this.#server.startTimeoutMs, clock: systemClock });
  }

  async end(): Promise<void> {
    process.off('SIGINT', this.#interrupted).off('SIGTERM', this.#interrupted);
    // An engine that does not answer must not hold the command up.
    await this.#stop();
    this.#engine.close?.();
  }

  readonly #interrupted = (): void => {
    void this.#stop(0).then(() => process.exit(130));
  };

  async #stop(graceMs?: number): Promise<void> {
    const stopped = Promise.all([...this.#running].map((upstream) => upstream.stop(graceMs)));
    await settlesWithin(stopped, closeMs, systemClock);
  }
}

interface Connected {
  readonly client: Client;
  /** Whether it speaks 2026-07-28 only. */
  readonly isModern: boolean;
}

async function connect(starts: Starts, server: ProcessServer, { log }: DirectSurroundings): Promise<Connected> {
  const upstream = starts.one();
  try {
    const client = await shakeHands(viewLease(leaseOf(upstream, server), server.tools, log), server, upstream);
    return { client, isModern: false };
  } catch (error) {
    // Before our own stop gives it an exit code.
    const hasDied = upstream.exit !== undefined;
    await settlesWithin(upstream.stop(), closeMs, systemClock);
    const known = error instanceof BridgeError ? error : whyNot(upstream, hasDied, server, error);
    if (hasDied || !isRefusal(error)) throw known;
    const client = await shakeHands(viewLease(reversed(starts, server, log), server.tools, log), server).catch(() => {
      throw known;
    });
    return { client, isModern: true };
  }
}

async function shakeHands(lease: ChannelLease, server: ServerConfig, upstream?: Upstream): Promise<Client> {
  const client = new Client({ name: 'gangway', version: version() });
  const died = new Promise<never>((_, reject) => {
    void upstream?.exited.then(() => {
      reject(diedAtStart(upstream));
    });
  });
  died.catch(() => undefined);
  const transport = new LeaseTransport(lease);
  try {
    await Promise.race([client.connect(transport, { timeout: server.startTimeoutMs }), died]);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

/** The server answered, and has no handshake. */
function isRefusal(error: unknown): boolean {
  const own: readonly number[] = [ErrorCode.RequestTimeout, ErrorCode.ConnectionClosed];
  return error instanceof McpError && !own.includes(error.code);
}

/** As a client of an older revision would have a server that speaks 2026-07-28 only. */
function reversed(starts: Starts, server: ProcessServer, log: DirectSurroundings['log']): ChannelLease {
  const gate = new StartGate(1);
  const relay = makeRelay(
    { ...server, pool: { ...server.pool, min: 0, max: 1 } },
    {
      start: (priority) => Promise.resolve(gate.start(priority, starts.one)),
      ...{ clock: systemClock, log, budget: new Budget({ containers: 0, memoryBytes: 0 }) },
    },
  );
  const lease = relay.reverse('');
  return {
    upstream: lease.upstream,
    wasWarm: false,
    prove: () => {
      lease.prove();
    },
    release: async (reason) => {
      await lease.release(reason);
      relay.pool.drain();
    },
  };
}

/** With the engine's own words, where it refused: whoever types a command may read them. */
function diedAtStart(upstream: Upstream): BridgeError {
  const { code, message, data } = startFailed(upstream);
  return new BridgeError(code, message, { ...data, ...(upstream.refusal ? { stderr: upstream.refusal.text } : {}) });
}

function whyNot(upstream: Upstream, hasDied: boolean, { startTimeoutMs }: ServerConfig, cause: unknown): BridgeError {
  if (hasDied) return diedAtStart(upstream);
  const sentence = `Cannot start the server: it did not complete the handshake within ${startTimeoutMs} ms`;
  return new BridgeError('READY_TIMEOUT', sentence, upstream.describeExit(), { cause });
}

/** As a session would have it; whoever started the server ends it. */
function leaseOf(upstream: Upstream, { pingIntervalMs }: ServerConfig): ChannelLease {
  const release = (): Promise<void> => Promise.resolve();
  return ownLease({ upstream, wasWarm: false, prove: () => undefined, release }, pingIntervalMs, systemClock);
}
