import { createContext, Script } from 'node:vm';
import { codeOf } from '../base/errors.ts';

const context = createContext({ run: undefined });
const script = new Script('run()');

/**
 * Runs something that computes, and ends it when it takes too long: nobody else is served meanwhile. What is ended
 * stops anywhere, so nothing that it was about to change may be used again.
 *
 * @throws {TookTooLong} after `limitMs`
 */
export function runInTime<T>(limitMs: number, run: () => T): T {
  context['run'] = run;
  try {
    return script.runInContext(context, { timeout: limitMs }) as T;
  } catch (error) {
    throw codeOf(error) === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? new TookTooLong(limitMs) : error;
  } finally {
    context['run'] = undefined;
  }
}

export class TookTooLong extends Error {
  override readonly name = 'TookTooLong';

  constructor(limitMs: number) {
    super(`it takes longer than ${limitMs} ms`);
  }
}
