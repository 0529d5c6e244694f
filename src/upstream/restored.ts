import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Request, Response } from '../jsonrpc/message.ts';
import { splice, type Edit, type Span } from '../jsonrpc/splice.ts';

/** Whether a request opens a subscription, which its answer ends. @see MCP 2026-07-28, Subscriptions */
export function isListening({ method }: Request): boolean {
  return method === 'subscriptions/listen';
}

/** The answer to a client's request, with the id that the client gave it, wherever it stands. */
export function restored(request: Request, answer: Response, bytes: Bytes): { message: Response; bytes: Bytes } {
  const { id, idText: text } = request;
  const { id: span, subscriptionId } = answer.spans;
  const edits: Edit[] = span ? [{ span, text }] : [];
  if (subscriptionId && isListening(request)) edits.push({ span: subscriptionId, text });
  edits.sort((a, b) => a.span[0] - b.span[0]);
  const spans = { id: placeOf(span, text, edits), subscriptionId: placeOf(subscriptionId, text, edits) };
  return { message: { ...answer, id, spans, ...movedResult(answer, edits) }, bytes: splice(bytes, edits) };
}

/** Where its result stands then. */
function movedResult({ result }: Response, edits: readonly Edit[]): Pick<Response, 'result'> {
  if (!result) return {};
  const { at, metaAt } = result;
  return {
    result: { ...result, at: moved(at, edits), metaAt: metaAt === undefined ? undefined : moved(metaAt, edits) },
  };
}

/** Where a text stands that took the place of what stood at a span. */
function placeOf(span: Span | undefined, text: string, edits: readonly Edit[]): Span | undefined {
  const start = span && moved(span[0], edits);
  return start === undefined ? undefined : [start, start + Buffer.byteLength(text)];
}

function moved(at: number, edits: readonly Edit[]): number {
  let place = at;
  for (const { span, text } of edits) if (span[1] <= at) place += Buffer.byteLength(text) - (span[1] - span[0]);
  return place;
}
