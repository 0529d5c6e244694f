import type { ServerResponse } from 'node:http';
import type { Cancel } from '../base/clock.ts';

/** What one container wrote to stderr. */
export interface ContainerLog {
  readonly container: string;
  readonly state: 'running' | 'ended';
  readonly exitCode?: number;
  readonly signal?: string;
  /** The newest last. */
  readonly lines: readonly string[];
}

/** Who follows a server's stderr. */
export interface LogReader {
  onLine(container: string, text: string): void;
  /** Something about a container that it did not write itself. */
  onNote(container: string, text: string): void;
  /** Nothing more comes. */
  onEnd(): void;
}

/** The stderr of one server: of the containers that run, and of the last few that ended. */
export interface ServerLog {
  /** The last `count` lines of each container, the oldest container first. */
  tails(count: number): ContainerLog[];
  /**
   * The same, and then each line as it comes.
   *
   * @throws {BridgeError} `SESSION_LIMIT` when too many follow already
   */
  follow(count: number, reader: LogReader): Cancel;
}

/** So many bytes may wait for a client that reads slowly; what comes then is counted, not kept. */
const maxBehindBytes = 256 * 1024;

/**
 * Writes a server's stderr as text until the client goes or nothing more comes. `NAME | …` is what a container wrote,
 * `NAME * …` what is said of it: each line begins with the name, so no container can write a line that looks like
 * another's.
 *
 * @throws {BridgeError} `SESSION_LIMIT`; nothing was written
 */
export function streamLog(log: ServerLog, count: number, response: ServerResponse): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.once('close', log.follow(count, new LogStream(response)));
  response.flushHeaders();
}

class LogStream implements LogReader {
  readonly #response: ServerResponse;
  #leftOut = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('drain', () => {
      this.#report();
    });
  }

  onLine(container: string, text: string): void {
    this.#write(`${container} | ${text}\n`);
  }

  onNote(container: string, text: string): void {
    this.#write(`${container} * ${text}\n`);
  }

  onEnd(): void {
    this.#report();
    this.#response.end();
  }

  #write(line: string): void {
    if (this.#response.writableLength > maxBehindBytes) {
      this.#leftOut += 1;
      return;
    }
    this.#report();
    this.#response.write(line);
  }

  #report(): void {
    if (this.#leftOut === 0) return;
    // No container is called so: their names have more parts.
    this.#response.write(`gangway * ${this.#leftOut} lines left out: they are read too slowly\n`);
    this.#leftOut = 0;
  }
}
