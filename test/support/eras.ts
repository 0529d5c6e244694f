import { initializeResult, type Habit } from './fake-engine.ts';

/** What fake servers answer, by method; what is not there gets no answer. */
type Answers = Readonly<Record<string, { readonly result: object } | { readonly error: object }>>;

export const modernAnswer = { result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {} } };
export const handshake = { result: initializeResult };
export const unknownMethod = { error: { code: -32_601, message: 'Method not found' } };

/** A fake server that answers so. @param ends the method that it ends upon */
export function speaking(answers: Answers, ends?: string): Habit {
  return {
    onLine: (line, child) => {
      const { id, method } = JSON.parse(line) as { id: unknown; method: string };
      if (method === ends) child.exit({ code: 1, signal: undefined });
      const answer = answers[method];
      if (answer) child.say({ jsonrpc: '2.0', id, ...answer });
    },
  };
}

export const modernOnly = speaking({ 'server/discover': modernAnswer, initialize: unknownMethod });
export const dual = speaking({ 'server/discover': modernAnswer, initialize: handshake });
export const legacy = speaking({ 'server/discover': unknownMethod, initialize: handshake });
