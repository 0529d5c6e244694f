import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import { RawJson } from '../jsonrpc/raw-json.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { ChannelClient } from '../relay/channel-client.ts';
import type { Result } from '../relay/result.ts';
import { ServerError } from '../relay/server-error.ts';
import { checkArguments } from './check-arguments.ts';
import { Shares } from './shares.ts';
import { ToolList, type Tool } from './tool-list.ts';

/** A list of tools is asked for anew when it is older than this, in milliseconds. */
const freshMs = 60_000;
/** After it could not be had anew, the old one is good for so long, in milliseconds. */
const holdMs = 10_000;
/** So much of a server's own words stands in an error. */
const maxWords = 1000;

interface Surroundings {
  readonly lease: (signal: AbortSignal, address: string) => Promise<ChannelLease>;
  readonly clock: Clock;
}

/** Who calls, and until when he waits. */
export interface Caller {
  readonly address: string;
  readonly signal: AbortSignal;
}

/** The arguments of a call: as they were written, and as they read. */
export interface Arguments {
  readonly text: string;
  readonly value: unknown;
  /** Where they stand in what the client sent: a JSON Pointer. Without it they are all of it. */
  readonly place?: string;
}

/**
 * One server as plain REST uses it. Of a shared server it has a share for each address, kept for a while; of any other, an
 * upstream of its own for each call, which is retired afterwards like that of a session.
 */
export class RestServer {
  readonly config: ServerConfig;
  readonly #around: Surroundings;
  readonly #shares: Shares;
  #list: ToolList | undefined;
  #learnedAt = -Infinity;
  /** How often the server has said that its tools are others now. */
  #changes = 0;
  #learnedChanges = 0;
  #learning: Promise<ToolList> | undefined;
  /** Aborted when it is not used any more. */
  readonly #closing = new AbortController();

  constructor(config: ServerConfig, around: Surroundings) {
    this.config = config;
    this.#around = around;
    this.#shares = new Shares(() => this.#open('', undefined), around.clock);
  }

  /** Its tools, when they were learnt a minute ago at the most and have not changed since. */
  get known(): ToolList | undefined {
    const isOld = this.#around.clock.now() - this.#learnedAt >= freshMs;
    return isOld || this.#learnedChanges !== this.#changes ? undefined : this.#list;
  }

  /**
   * The tools of the server, as they were a minute ago at the most. When they cannot be had anew, those that were known.
   *
   * @throws {BridgeError} what keeps the server from answering, when they were never known
   */
  async tools({ address, signal }: Caller): Promise<ToolList> {
    if (this.known) return this.known;
    // Whoever was first may leave: the others still want it.
    const asked = { address, signal: this.#closing.signal };
    this.#learning ??= this.#with(asked, (client) => this.#learn(client, asked.signal))
      .catch((error: unknown) => this.#recall(error))
      .finally(() => {
        this.#learning = undefined;
      });
    return givenUpBy(signal, this.#learning);
  }

  /**
   * Calls a tool.
   *
   * @returns the result, which may say that the tool failed
   * @throws {BridgeError} `TOOL_UNKNOWN`, `ARGUMENTS_INVALID`, `SERVER_ERROR`, what leasing throws, what
   *   `ChannelClient.request` throws
   */
  async call(name: string, args: Arguments, caller: Caller): Promise<Result> {
    // An upstream that serves this one call can be asked for its tools first; what is shared is asked once for all.
    const known = this.config.sharing === 'shared' ? await this.tools(caller) : this.known;
    // What is wrong is told before anything is leased.
    if (known) checkCall(known, name, args);
    return this.#with(caller, async (client) => {
      if (!known) checkCall(await this.#learnOrRecall(client, caller.signal), name, args);
      const params = { name, arguments: new RawJson(args.text) };
      // With a sign of life, it may take longer than `callTimeout`.
      return client.request('tools/call', params, { signal: caller.signal, onProgress: () => undefined });
    });
  }

  /** Ends what has not been used for a while. */
  tick(now: number): void {
    this.#shares.expire(now);
  }

  close(): void {
    this.#closing.abort(new BridgeError('DRAINING', 'Cannot list the tools: the server is not used any more'));
    this.#shares.close();
  }

  async #with<T>({ address, signal }: Caller, work: (client: ChannelClient) => Promise<T>): Promise<T> {
    try {
      if (this.config.sharing === 'shared') return await givenUpBy(signal, this.#shares.use(address, work));
      const client = await this.#open(address, signal);
      return await work(client).finally(() => void client.close());
    } catch (error) {
      throw error instanceof ServerError ? refusalOf(error) : error;
    }
  }

  async #open(address: string, signal: AbortSignal | undefined): Promise<ChannelClient> {
    const { lease, clock } = this.#around;
    const leased = await lease(signal ?? new AbortController().signal, address);
    return ChannelClient.open(leased, {
      ...{ config: this.config, clock },
      ...(signal && { signal }),
      onNotification: ({ method }) => {
        if (method === 'notifications/tools/list_changed') this.#changes += 1;
      },
    });
  }

  async #learn(client: ChannelClient, signal: AbortSignal): Promise<ToolList> {
    const { capabilities, result } = client.handshake;
    const changes = this.#changes;
    const hasTools = capabilities['tools'] !== undefined;
    const elements = hasTools ? await client.list('tools/list', 'tools', { signal }) : [];
    this.#list = new ToolList(elements, result);
    this.#learnedAt = this.#around.clock.now();
    this.#learnedChanges = changes;
    return this.#list;
  }

  #learnOrRecall(client: ChannelClient, signal: AbortSignal): Promise<ToolList> {
    return this.#learn(client, signal).catch((error: unknown) => this.#recall(error));
  }

  /** The list that was known, when there is one; it is not asked for again at once. */
  #recall(error: unknown): ToolList {
    if (!this.#list) throw error;
    this.#learnedAt = this.#around.clock.now() - freshMs + holdMs;
    this.#learnedChanges = this.#changes;
    return this.#list;
  }
}

/** @throws {BridgeError} `TOOL_UNKNOWN`, `ARGUMENTS_INVALID` */
function checkCall(list: ToolList, name: string, { value, place = '' }: Arguments): Tool {
  const tool = list.find(name);
  if (!tool) throw new BridgeError('TOOL_UNKNOWN', `Tool not found: the server has ${list.tools.length} others`);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const faults = isObject
    ? checkArguments(tool.inputSchema, value, place)
    : [{ pointer: place, reason: 'is no object' }];
  const [first] = faults;
  if (!first) return tool;
  const words = faults.map(({ pointer, reason }) => `${pointer === '' ? 'the whole' : `"${pointer}"`} ${reason}`);
  throw new BridgeError('ARGUMENTS_INVALID', `Invalid arguments: ${words[0] ?? ''}`, {
    pointer: first.pointer,
    faults: words,
  });
}

function refusalOf({ rpcCode, message }: ServerError): BridgeError {
  const words = message.slice(0, maxWords);
  return rpcCode === -32_602
    ? new BridgeError('ARGUMENTS_INVALID', `Invalid arguments: the server says "${words}"`, { rpcCode })
    : new BridgeError('SERVER_ERROR', `The server answered with an error: "${words}"`, { rpcCode });
}

/** Does not wait any longer than its caller; what others share goes on. */
function givenUpBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', giveUp);
    });
  });
}
