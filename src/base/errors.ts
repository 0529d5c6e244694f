import type { ErrorCode } from './error-table.ts';

/** Facts that go with an error: shown to the caller, so never paths, arguments or secrets. */
export type ErrorData = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** Facts that the protocol wants to stand directly in `error.data`, such as the revisions that are served. */
export type PeerData = Readonly<Record<string, unknown>>;

interface BridgeErrorOptions extends ErrorOptions {
  readonly peerData?: PeerData;
}

/** An error that happened to Gangway or that it reports to a peer; decisions read `code`, people read `message`. */
export class BridgeError extends Error {
  override readonly name = 'BridgeError';
  readonly code: ErrorCode;
  readonly data: ErrorData;
  readonly peerData: PeerData;

  constructor(code: ErrorCode, message: string, data: ErrorData = {}, options: BridgeErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.data = data;
    this.peerData = options.peerData ?? {};
  }
}

/** The message of anything that was thrown, in one line. */
export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    return error.message.split('\n', 1)[0] ?? '';
  }
  return String(error);
}

/** The `code` of an error from Node or a library: `instanceof Error` does not hold across realms. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return undefined;
}

/** What lies behind an error, for the log: `{ cause }`, or nothing. */
export function causeOf(error: unknown): { cause?: string } {
  return error instanceof BridgeError && error.cause !== undefined ? { cause: messageOf(error.cause) } : {};
}
