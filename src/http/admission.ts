/** Whether the bridge has room for more. Each question takes the same short time, and is asked before anything starts. */
export interface Admission {
  /**
   * A client that wants a session.
   *
   * @throws {BridgeError} `OVERLOADED`
   */
  session(): void;
  /**
   * Requests that were read and are about to be sent.
   *
   * @throws {BridgeError} `OVERLOADED`, also when `limits.calls` are under way
   */
  calls(count: number): void;
}
