import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Request } from '../jsonrpc/message.ts';
import { splice, type Span } from '../jsonrpc/splice.ts';
import type { SharedUpstream } from '../upstream/shared-upstream.ts';

/** The lists that a server can have, and the capability and the notification that go with each. */
const lists = [
  { method: 'tools/list', capability: 'tools', changed: 'notifications/tools/list_changed' },
  { method: 'prompts/list', capability: 'prompts', changed: 'notifications/prompts/list_changed' },
  { method: 'resources/list', capability: 'resources', changed: 'notifications/resources/list_changed' },
  { method: 'resources/templates/list', capability: 'resources', changed: 'notifications/resources/list_changed' },
] as const;

/** The first page of each list, as the server said it last: for the time when none of its containers runs. */
export class ListCache {
  readonly #answers = new Map<string, { readonly bytes: Bytes; readonly id: Span }>();

  /** Asks a server that has just come up. */
  async learn(shared: SharedUpstream, capabilities: Readonly<Record<string, unknown>>): Promise<void> {
    const there = lists.filter(({ capability }) => capabilities[capability] !== undefined);
    await Promise.all(there.map(({ method }) => this.#ask(shared, method)));
  }

  /** A server said that a list of it is another now. */
  async onChanged(shared: SharedUpstream, notification: string): Promise<void> {
    const stale = lists.filter(({ changed }) => changed === notification);
    await Promise.all(stale.map(({ method }) => this.#ask(shared, method)));
  }

  /** The answer to a request, if it is one for the first page of a list that is known. */
  answer({ method, hasCursor, idText }: Request): Bytes | undefined {
    const known = hasCursor ? undefined : this.#answers.get(method);
    return known && splice(known.bytes, [{ span: known.id, text: idText }]);
  }

  async #ask(shared: SharedUpstream, method: string): Promise<void> {
    const answer = await shared.ask(method).catch(() => undefined);
    // It ended meanwhile; the next one is asked again.
    if (!answer) return;
    const { id } = answer.message.spans;
    if (!id || answer.message.isError) this.#answers.delete(method);
    else this.#answers.set(method, { bytes: answer.bytes.kept(), id });
  }
}
