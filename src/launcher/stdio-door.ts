import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { Stdio } from '../engine/engine.ts';

/** Each stream says whose it is within this time, and all three of a launch are there within this time, or never. */
const arrivalMs = 5000;
/** "TOKEN STREAM", a line: longer than this it is something else. */
const maxHeaderBytes = 64;
const header = /^([0-9a-f-]{36}) ([012])\n$/;

interface Arrival {
  readonly streams: (Socket | undefined)[];
  readonly complete: Deferred<Stdio>;
  /** Whether a launch waits for it. */
  isWanted: boolean;
}

/**
 * Where the streams of launches come in: a UNIX socket in a folder that nobody else can enter. A stream begins with a line
 * that says whose it is. Behind that line nothing may come before its launch is told that it was taken: what comes earlier
 * could be lost.
 */
export class StdioDoor {
  readonly path: string;
  readonly #clock: Clock;
  readonly #server: Server;
  /** Launches whose streams are wanted, or are on their way, by token. */
  readonly #arrivals = new Map<string, Arrival>();

  /** @param folder in which the socket appears */
  constructor(folder: string, clock: Clock) {
    this.path = path.join(folder, 's');
    this.#clock = clock;
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      this.#onConnection(socket);
    });
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(this.path, resolve);
    });
  }

  close(): void {
    this.#server.close();
    for (const token of this.#arrivals.keys()) this.#giveUp(token);
  }

  /**
   * The three streams of a launch, once they are there. Whoever gets them closes them.
   *
   * @throws {BridgeError} `OVERLOADED` when they do not come: they are on their way already, and it is the descriptors
   *   that are missing
   */
  take(token: string): Promise<Stdio> {
    const arrival = this.#arrivalOf(token);
    arrival.isWanted = true;
    this.#deliver(token, arrival);
    return arrival.complete.promise;
  }

  #arrivalOf(token: string): Arrival {
    const known = this.#arrivals.get(token);
    if (known) return known;
    const arrival: Arrival = { streams: [], complete: deferred<Stdio>(), isWanted: false };
    // Nobody may ever ask for it.
    arrival.complete.promise.catch(() => undefined);
    this.#arrivals.set(token, arrival);
    this.#clock.after(arrivalMs, () => {
      if (this.#arrivals.get(token) === arrival) this.#giveUp(token);
    });
    return arrival;
  }

  #onConnection(socket: Socket): void {
    socket.on('error', () => undefined);
    const cancel = this.#clock.after(arrivalMs, () => {
      socket.destroy();
    });
    let text = '';
    const onReadable = (): void => {
      text += (socket.read() as Buffer | null)?.toString('latin1') ?? '';
      if (!text.includes('\n') && text.length < maxHeaderBytes) return;
      cancel();
      socket.off('readable', onReadable);
      const [, token, stream] = header.exec(text) ?? [];
      if (token === undefined) socket.destroy();
      else this.#onStream(token, Number(stream), socket);
    };
    socket.on('readable', onReadable);
  }

  #onStream(token: string, stream: number, socket: Socket): void {
    const arrival = this.#arrivalOf(token);
    if (arrival.streams[stream]) {
      socket.destroy();
      return;
    }
    arrival.streams[stream] = socket;
    this.#deliver(token, arrival);
  }

  #deliver(token: string, { streams, complete, isWanted }: Arrival): void {
    const [stdin, stdout, stderr] = streams;
    if (!isWanted || !stdin || !stdout || !stderr) return;
    this.#arrivals.delete(token);
    complete.resolve([stdin, stdout, stderr]);
  }

  #giveUp(token: string): void {
    const arrival = this.#arrivals.get(token);
    this.#arrivals.delete(token);
    for (const socket of arrival?.streams ?? []) socket?.destroy();
    arrival?.complete.reject(new BridgeError('OVERLOADED', 'Cannot start a program: its streams did not come'));
  }
}
