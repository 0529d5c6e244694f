import type { Id, Notification, Request, Response } from '../../src/jsonrpc/message.ts';

const absent = { progressToken: undefined, relatedTask: undefined, uri: undefined, level: undefined, spans: {} };

/** A request as the relay sees it, without anything that nobody asked for. */
export function aRequest(id: Id, facts: Partial<Request> = {}): Request {
  const none = { isTask: false, taskId: undefined, hasCursor: false };
  return { kind: 'request', id, idText: JSON.stringify(id), method: 'tools/call', ...absent, ...none, ...facts };
}

export function aNotification(method: string, facts: Partial<Notification> = {}): Notification {
  return { kind: 'notification', method, ...absent, requestId: undefined, ...facts };
}

export function aResponse(id: Id, facts: Partial<Response> = {}): Response {
  return { kind: 'response', id, isError: false, protocolVersion: undefined, spans: {}, ...facts };
}
