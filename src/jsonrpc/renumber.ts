import type { Bytes } from './bytes.ts';
import type { Request } from './message.ts';
import { splice } from './splice.ts';

/**
 * A request under another id, which takes the place of its progress token as well, if it has one.
 *
 * @returns the bytes, and the token as it was written
 */
export function renumber(
  { spans, progressToken }: Request,
  bytes: Bytes,
  id: number,
): { readonly bytes: Bytes; readonly tokenText: string | undefined } {
  const text = String(id);
  const edits = spans.id ? [{ span: spans.id, text }] : [];
  const token = progressToken === undefined ? undefined : spans.token;
  if (token) edits.push({ span: token, text });
  if (token && spans.id && token[0] < spans.id[0]) edits.reverse();
  return { bytes: splice(bytes, edits), tokenText: token && bytes.text(...token) };
}
