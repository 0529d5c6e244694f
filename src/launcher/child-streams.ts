import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import type { Output } from '../engine/engine.ts';

/** The bridge's ends of the streams of a launch. */
export interface ChildStreams {
  readonly stdin: HeldSocket;
  readonly stdout: ReusingSocket;
  readonly stderr: Socket;
}

/**
 * Connects to the door of a launcher three times, and says on each whose stream it is. Usable at once: what is written
 * is kept until `release`, and nothing is read before somebody listens. One that cannot be had raises `error`.
 *
 * @param path of the socket, see `StdioDoor`
 * @param token of the launch
 */
export function openStreams(path: string, token: string): ChildStreams {
  const stdin = new HeldSocket();
  const [stdout, stderr] = [new ReusingSocket(), new Socket()];
  // Whatever comes from there is not for us; and until somebody reads.
  for (const socket of [stdin, stdout]) socket.pause();
  for (const [stream, socket] of [stdin, stdout, stderr].entries()) {
    // The peer may be gone when we write; its exit is reported once.
    socket.on('error', () => undefined);
    socket.connect(path);
    socket.write(`${token} ${stream}\n`);
  }
  stdin.cork();
  return { stdin, stdout, stderr };
}

/** All that is read goes through here, a piece at a time: memory for each piece would cost more than to look at it. */
const piece = Buffer.allocUnsafeSlow(64 * 1024);

/** Reads into the same memory again and again for who takes chunks; for others it is a stream like any. */
class ReusingSocket extends Socket implements Output {
  #take: ((chunk: Buffer) => void) | undefined;

  constructor() {
    const onread: OnReadOpts = {
      buffer: piece,
      callback: (length) => {
        const chunk = piece.subarray(0, length);
        if (!this.#take) return this.push(Buffer.from(chunk));
        this.#take(chunk);
        return true;
      },
    };
    super({ onread } as SocketConstructorOpts);
  }

  takeChunks(take: (chunk: Buffer) => void): void {
    this.#take = take;
  }
}

/** Keeps what is written to it, and its end, until it is released. */
class HeldSocket extends Socket {
  #isHeld = true;
  #hasEnded = false;

  /** The other end is the child's now: what was kept is sent. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.uncork();
    if (this.#hasEnded) super.end();
  }

  override end(...last: unknown[]): this {
    if (!this.#isHeld) return (super.end as (...args: unknown[]) => this).apply(this, last);
    const [chunk] = last;
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.write(chunk);
    this.#hasEnded = true;
    return this;
  }
}
