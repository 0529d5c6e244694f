import type { Clock } from '../base/clock.ts';
import { BridgeError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { Redactor } from '../base/redact.ts';
import type { AppSource, ServerConfig } from '../config/config.ts';
import type { Backend } from '../relay/backend.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { localLease } from '../relay/local-channel.ts';
import { RequestRefused, unknownMethod, type LocalCall, type LocalServer } from '../relay/local-server.ts';
import { failed, toolResult, type ToolResult } from './answer.ts';
import { exchange } from './exchange.ts';
import { CallFault, DescriptionFault } from './fault.ts';
import { isObject, type Json } from './json.ts';
import { openAppTools, type AppTools } from './app-tools.ts';
import type { Operation } from './operation.ts';
import { Places } from './places.ts';
import { buildRequest } from './request.ts';
import { SchemaCheck } from './schema-check.ts';
import { encodeStrictly } from './styles.ts';

type AppServer = ServerConfig & { readonly source: AppSource };

export function isApp(server: ServerConfig): server is AppServer {
  return server.source.kind === 'app';
}

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** A document that could not be had is not asked for again before this. */
const askAgainMs = 5000;

interface Tool {
  readonly operation: Operation;
  readonly input: SchemaCheck;
  readonly output: SchemaCheck;
}

/** An HTTP app as an MCP server: each of its operations is a tool. */
export class App implements Backend, LocalServer {
  readonly capabilities = { tools: {} };
  readonly #server: AppServer;
  readonly #around: Surroundings;
  readonly #places: Places;
  readonly #redactor: Redactor;
  #opened: AppTools | undefined;
  #tools: ReadonlyMap<string, Tool> = new Map();
  #opening: Promise<void> | undefined;
  #failure: BridgeError | undefined;
  #failedAt = -Infinity;
  #calls = 0;
  #failedCalls = 0;

  constructor(server: AppServer, around: Surroundings) {
    const { concurrency, headers, query } = server.source;
    this.#server = server;
    this.#around = around;
    this.#places = new Places({ concurrency, pool: () => server.pool, clock: around.clock });
    const secrets = [...headers, ...query].filter(({ secret }) => secret).map(({ value }) => value);
    // Of "Bearer TOKEN", an app may show the token alone; and its own address, as it was asked.
    this.#redactor = new Redactor(
      secrets.flatMap((value) => [value, ...value.split(/\s+/), encodeStrictly(Buffer.from(value).toString())]),
    );
  }

  get info(): LocalServer['info'] {
    return { name: this.#server.name, ...(this.#opened?.info ?? { version: '0' }) };
  }

  /** What was read once serves on, whatever comes of reading it again. */
  get failure(): BridgeError | undefined {
    return this.#opened ? undefined : this.#failure;
  }

  /** @throws {BridgeError} `SERVER_DISABLED` for a description that cannot be used, `APP_UNAVAILABLE` */
  open(): Promise<void> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async lease(signal: AbortSignal): Promise<ChannelLease> {
    if (!this.#opened) await this.#openOrWait();
    signal.throwIfAborted();
    return localLease(this, this.#around.log);
  }

  describe(): object {
    const { base } = this.#opened ?? {};
    return {
      app: {
        ...(base ? { baseUrl: base.href } : {}),
        tools: this.#tools.size,
        ongoing: this.#places.taken,
        waiting: this.#places.waiting,
        calls: this.#calls,
        failedCalls: this.#failedCalls,
        ...(this.#opened && this.#failure ? { lastError: this.#failure.message } : {}),
      },
    };
  }

  request(method: string, params: Json, call: LocalCall): Promise<object> {
    if (method === 'tools/list') {
      return Promise.resolve({ tools: [...this.#tools.values()].map(({ operation }) => operation.tool) });
    }
    if (method === 'tools/call') return this.#call(params, call);
    return Promise.reject(unknownMethod(method));
  }

  #openOrWait(): Promise<void> {
    const isEarly = this.#around.clock.now() - this.#failedAt < askAgainMs;
    const isFinal = this.#failure?.code === 'SERVER_DISABLED';
    return this.#failure && (isEarly || isFinal) ? Promise.reject(this.#failure) : this.open();
  }

  async #open(): Promise<void> {
    const { clock, log } = this.#around;
    try {
      const opened = await openAppTools(this.#server, clock);
      this.#opened = opened;
      this.#tools = new Map(opened.operations.map((operation) => [operation.tool.name, toolFor(operation)]));
      this.#failure = undefined;
      log.info({ tools: this.#tools.size, baseUrl: opened.base.href }, 'an app is ready');
    } catch (error) {
      this.#failure = this.#toBridgeError(error);
      this.#failedAt = clock.now();
      throw this.#failure;
    }
  }

  #toBridgeError(error: unknown): BridgeError {
    if (error instanceof BridgeError) return error;
    const message = this.#redactor.redact(messageOf(error));
    if (error instanceof DescriptionFault) return new BridgeError('SERVER_DISABLED', message);
    if (error instanceof CallFault) {
      return new BridgeError('APP_UNAVAILABLE', `Cannot get the OpenAPI document: ${message}`);
    }
    this.#around.log.error({ error: message }, 'an app cannot be opened');
    return new BridgeError('INTERNAL', 'Internal error');
  }

  async #call(params: Json, call: LocalCall): Promise<ToolResult> {
    const { name, arguments: given = {} } = params;
    const tool = typeof name === 'string' ? this.#tools.get(name) : undefined;
    if (!tool) throw new RequestRefused(-32602, `Unknown tool: ${String(name).slice(0, 100)}`);
    if (!isObject(given)) throw new RequestRefused(-32602, 'Invalid arguments: wanted an object');
    const misfit = tool.input.misfit(given);
    if (misfit !== undefined) return failed(`Invalid arguments: ${misfit}`);
    await this.#places.take(call.signal, call.client);
    this.#calls += 1;
    try {
      const result = await this.#ask(tool, given, call.signal);
      if (result.isError === true) this.#failedCalls += 1;
      return this.#redacted(result);
    } finally {
      this.#places.release();
    }
  }

  async #ask({ operation, output }: Tool, given: Json, signal: AbortSignal): Promise<ToolResult> {
    const { base } = this.#opened ?? {};
    if (!base) throw new BridgeError('INTERNAL', 'Internal error');
    const { headers, query, timeoutMs, maxAnswerBytes } = this.#server.source;
    try {
      const request = buildRequest(operation, given, { base, headers, query });
      const answer = await exchange(request, { base, timeoutMs, maxAnswerBytes }, signal, this.#around.clock);
      const misfit = (value: Json): string | undefined => output.misfit(value);
      return toolResult(answer, operation, request.url, { misfit, redactor: this.#redactor });
    } catch (error) {
      if (error instanceof CallFault) return failed(error.message);
      throw error;
    }
  }

  /** An app that fails may show what it was sent. */
  #redacted(result: ToolResult): ToolResult {
    if (result.isError !== true) return result;
    const clean = ({ text, ...rest }: Json): Json =>
      typeof text === 'string' ? { ...rest, text: this.#redactor.redact(text) } : rest;
    return { ...result, content: result.content.map(clean) };
  }
}

function toolFor(operation: Operation): Tool {
  const { inputSchema, outputSchema = {} } = operation.tool;
  return { operation, input: new SchemaCheck(inputSchema), output: new SchemaCheck(outputSchema) };
}
