import { errorTable, type ErrorCode } from '../base/error-table.ts';
import { BridgeError, messageOf, type ErrorData } from '../base/errors.ts';
import type { PlainError } from './protocol.ts';

/** An error as plain data, for the other process. */
export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof BridgeError)) return { message: messageOf(error) };
  const { code, message, data, cause } = error;
  return { code, message, data, ...(cause === undefined ? {} : { cause: messageOf(cause) }) };
}

/** The error that it was. */
export function fromPlainError({ code, message, data, cause }: PlainError): Error {
  const options = cause === undefined ? {} : { cause };
  if (code === undefined || !isErrorCode(code)) return new Error(message, options);
  return new BridgeError(code, message, data as ErrorData | undefined, options);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}
