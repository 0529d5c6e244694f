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
  const token = progressToken === undefined ? undefined : spans.token;
  const edits = [spans.id, token]
    .filter((span) => span !== undefined)
    .sort((a, b) => a[0] - b[0])
    .map((span) => ({ span, text: String(id) }));
  return { bytes: splice(bytes, edits), tokenText: token && bytes.text(...token) };
}
