/** A server answered a request of Gangway's own with an error. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  /** The JSON-RPC code, such as -32602 for arguments that it does not take. */
  readonly rpcCode: number;
  /** What else the server says, when it says anything. */
  readonly data: unknown;

  /** @param message the server's own words */
  constructor(rpcCode: number, message: string, data: unknown) {
    super(message);
    this.rpcCode = rpcCode;
    this.data = data;
  }
}
