import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { SharedUpstream } from './shared-upstream.ts';
import { startFailed } from './start-failed.ts';

/**
 * The answer to the question by which a server that was just started shows that it is ready.
 *
 * @param read what the answer says; undefined when it is no answer to this question
 * @throws {BridgeError} `START_FAILED`, `READY_TIMEOUT`, `UPSTREAM_GARBLED`
 */
export async function firstAnswer<T>(
  shared: SharedUpstream,
  { method, params }: { readonly method: string; readonly params: object },
  { limitMs, clock }: { readonly limitMs: number; readonly clock: Clock },
  read: (answer: Bytes) => T | undefined,
): Promise<T> {
  const { upstream } = shared;
  const asked = shared.ask(method, params);
  const tooLate = (): BridgeError => {
    const sentence = `Cannot start the server: it did not answer "${method}" within ${limitMs} ms`;
    return new BridgeError('READY_TIMEOUT', sentence, { ...upstream.describeExit(), waitedMs: limitMs });
  };
  const early = asked.catch((error: unknown) => {
    const hasEnded = error instanceof BridgeError && (error.code === 'UPSTREAM_EXITED' || error.code === 'ENGINE_LOST');
    throw hasEnded ? startFailed(upstream) : error;
  });
  const { message, bytes } = await withDeadline(early, limitMs, clock, tooLate);
  const result = message.isError ? undefined : read(bytes);
  if (result) return result;
  const what = message.isError ? `it answered "${method}" with an error` : `its answer to "${method}" is not one`;
  throw new BridgeError('START_FAILED', `Cannot start the server: ${what}`, upstream.describeExit());
}
