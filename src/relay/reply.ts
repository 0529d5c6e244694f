import type { Bytes } from '../jsonrpc/bytes.ts';

/** A way to the client that can be slow, and can end. */
export interface Outflow {
  /** Whether the connection is done: nothing waits to be read any more. */
  readonly isClosed: boolean;
  /** Cuts the connection of a peer that does not read. */
  destroy(): void;
  /** Calls `resume` once, when the peer has caught up or is gone. */
  onDrain(resume: () => void): void;
  /** Calls `closed` once, when the connection has ended, whoever ended it. */
  onClose(closed: () => void): void;
}

/** The HTTP response to one request, as `http/` implements it: one JSON document, or an event stream. */
export interface Connection extends Outflow {
  readonly isOpen: boolean;
  /** The whole answer as one JSON document. @param status of the response, 200 unless it is given. @returns false when much of it waits for a slow peer */
  json(message: Bytes, status?: number): boolean;
  /** Becomes an event stream now, with nothing in it yet. */
  openStream(): void;
  /**
   * Sends one message as an event.
   *
   * @param id what a client that comes back names it by; empty for none
   * @returns false when the peer reads slower than we send: wait for `onDrain`
   */
  event(message: Bytes, id: string): boolean;
  /** Sends an event with an id and nothing in it. @param retryMs when a client that is cut off should come back */
  prime(id: string, retryMs: number): boolean;
  /** Ends the stream in order. */
  end(): void;
  /** Refuses the request with the HTTP status of the error; for an answer that has not begun. */
  refuse(error: unknown, idText: string): void;
}

/**
 * Where the messages for one request go, or those for one GET. The form is chosen late: a single JSON document when
 * the answer is the first that is said, a stream when something comes before it.
 */
export interface Reply extends Outflow {
  /** Whether what is sent can still reach the client, now or when it comes back. */
  readonly isOpen: boolean;
  /** Whether the client listens right now. */
  readonly isConnected: boolean;
  /** Whether it is a stream by now, so that nothing can be refused with a status any more. */
  readonly isStream: boolean;
  /**
   * Sends a message as an event.
   *
   * @param answerTo the id of the request that it answers, as it was written; what cannot be kept for a client that
   *   comes back can at least be named then
   * @returns false when the client reads slower than the server writes
   */
  event(message: Bytes, answerTo?: string): boolean;
  /** The one answer, with which it ends. @returns false when the client reads slower than the server writes */
  answer(message: Bytes, answerTo: string): boolean;
  /** Becomes a stream now. */
  openStream(): void;
  /** Refuses the request with an HTTP status; for one that is no stream yet. */
  refuse(error: unknown, idText: string): void;
  /** Ends it without an answer. */
  close(): void;
}
