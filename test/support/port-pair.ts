import type { Port, Report, Request } from '../../src/launcher/protocol.ts';

/** A channel in memory: what goes through it is JSON, one turn later. */
export interface PortPair {
  /** What a bridge holds. */
  readonly bridge: Port<Report, Request>;
  /** What a launcher holds. */
  readonly launcher: Port<unknown, Report>;
  /** What the bridge has sent. */
  readonly requests: Request[];
  /** Says something as the launcher. */
  report(report: Report): void;
  /** Either side is gone. */
  close(): void;
}

export function portPair(): PortPair {
  const [toBridge, toLauncher] = [way<Report>(), way<unknown>()];
  const requests: Request[] = [];
  const closing: (() => void)[] = [];
  const onClose = (listener: () => void): void => void closing.push(listener);
  return {
    requests,
    bridge: {
      send: (request) => {
        requests.push(request);
        toLauncher.send(request);
      },
      onMessage: toBridge.onMessage,
      onClose,
    },
    launcher: { send: toBridge.send, onMessage: toLauncher.onMessage, onClose },
    report: toBridge.send,
    close: () => {
      for (const listener of closing) listener();
    },
  };
}

function way<T>(): { send: (message: T) => void; onMessage: (listener: (message: T) => void) => void } {
  const listeners: ((message: T) => void)[] = [];
  return {
    send: (message) => {
      const text = JSON.stringify(message);
      queueMicrotask(() => {
        for (const listener of listeners) listener(JSON.parse(text) as T);
      });
    },
    onMessage: (listener) => void listeners.push(listener),
  };
}
