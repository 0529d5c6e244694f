import { RawJson } from '../jsonrpc/raw-json.ts';
import { changedIn, objectIn, textOf } from './rewrite.ts';

/** What a server of 2026-07-28 needs to know, as a request to a client of an older revision. */
export interface Question {
  readonly id: string;
  /** The server's name for it. */
  readonly key: string;
  readonly method: string;
  /** How a person is to be asked. */
  readonly mode: string | undefined;
  /** The request, as JSON. */
  readonly text: string;
  /** What stands for an error of the client: a person who was not asked has not answered. */
  readonly onError: string | undefined;
}

/**
 * The questions in a result.
 *
 * @param result the members of one whose type is `input_required`
 * @returns undefined when there is no list of them
 * @see MCP 2026-07-28, Multi Round-Trip Requests, "InputRequests"
 */
export function readQuestions(
  result: ReadonlyMap<string, string>,
  nextId: () => string,
): readonly Question[] | undefined {
  const requests = result.get('inputRequests');
  if (requests?.startsWith('{') !== true) return undefined;
  return [...objectIn(requests)].map(([key, text]) => readQuestion(key, objectIn(text), nextId()));
}

function readQuestion(key: string, request: ReadonlyMap<string, string>, id: string): Question {
  const method = textOf(request.get('method')) ?? '';
  const params = objectIn(request.get('params'));
  const mode = method === 'elicitation/create' ? textOf(params.get('mode')) : undefined;
  // Revision 2025-11-25 wants an id for what happens at a URL.
  const added = mode === 'url' && !params.has('elicitationId') ? { elicitationId: id } : {};
  const shown = request.has('params') ? { params: new RawJson(changedIn(params, added)) } : {};
  const text = changedIn(new Map(), { jsonrpc: '2.0', id, method, ...shown });
  const onError = method === 'elicitation/create' ? '{"action":"cancel"}' : undefined;
  return { id, key, method, mode, text, onError };
}
