import type { BridgeError } from '../../src/base/errors.ts';
import type { Bytes } from '../../src/jsonrpc/bytes.ts';
import type { Id, Notification, Request, Response } from '../../src/jsonrpc/message.ts';
import type { SharedClient } from '../../src/upstream/shared-upstream.ts';

/** One of the clients of a shared upstream; it writes down all that reaches it. */
export class FakeSharedClient implements SharedClient {
  readonly messages: string[] = [];
  readonly ids: Id[] = [];
  readonly tokens: (Id | undefined)[] = [];
  readonly failures: { readonly id: Id; readonly code: string }[] = [];
  readonly asides: { readonly text: string; readonly cause: Id }[] = [];

  onMessage(message: Response | Notification, bytes: Bytes): void {
    this.messages.push(bytes.toString());
    if (message.kind === 'response') this.ids.push(message.id);
    else this.tokens.push(message.progressToken);
  }

  onFailed(id: Id, { code }: BridgeError): void {
    this.failures.push({ id, code });
  }

  onAside(_message: Request | Notification, bytes: Bytes, _from: unknown, cause: Id): void {
    this.asides.push({ text: bytes.toString(), cause });
  }

  /** Whether anything at all has reached it. */
  get heard(): unknown[] {
    return [...this.messages, ...this.failures, ...this.asides];
  }
}
