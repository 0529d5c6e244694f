/** A server inside Gangway itself: it has no bytes, only requests and their results. */
export interface LocalServer {
  readonly info: { readonly name: string; readonly version: string; readonly title?: string };
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** For the model: how its tools are to be used. */
  readonly instructions?: string | undefined;
  /**
   * Answers a request; `initialize` and `ping` are answered for it.
   *
   * @returns the result, as it will be written
   * @throws {RequestRefused} for what the caller did wrong
   * @throws {BridgeError} for what could not be done
   */
  request(method: string, params: Readonly<Record<string, unknown>>, call: LocalCall): Promise<object>;
}

/** A request under way. */
export interface LocalCall {
  /** Tells clients apart: where they wait in line, they are served in turns. */
  readonly client: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Says something to the client before the answer. */
  notify(method: string, params: Readonly<Record<string, unknown>>): void;
}

/** A JSON-RPC error that the server answers. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  /** @see JSON-RPC 2.0, 5.1 */
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}

/** What any method gets that a server does not have. */
export function unknownMethod(method: string): RequestRefused {
  return new RequestRefused(-32601, `Method not found: ${method.slice(0, 100)}`);
}
