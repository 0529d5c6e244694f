/** An event stream to one client, as the relay sees it: `http/` implements it. */
export interface Stream {
  readonly isOpen: boolean;
  /** Whether the connection is done with this response: nothing of it waits to be read any more. */
  readonly isClosed: boolean;
  /**
   * Sends one message as an event.
   *
   * @returns false when the peer reads slower than we send: wait for `onDrain`
   */
  event(message: Buffer): boolean;
  /** Ends the stream in order. */
  end(): void;
  /** Cuts the connection of a peer that does not read. */
  destroy(): void;
  /** Calls `resume` once, when the peer has caught up or is gone. */
  onDrain(resume: () => void): void;
  /** Calls `closed` once, when the connection has ended, whoever ended it. */
  onClose(closed: () => void): void;
}

/** The response to one POST: a single JSON document, or a stream, whichever is asked for first. */
export interface Reply extends Stream {
  /**
   * The whole answer as one JSON document.
   *
   * @returns false when much of it waits for a slow peer
   */
  json(message: Buffer): boolean;
  /** Becomes an event stream now, with nothing in it yet. */
  openStream(): void;
  /** Refuses the request with the HTTP status of the error; for an answer that has not begun. */
  refuse(error: unknown, idText: string): void;
}
