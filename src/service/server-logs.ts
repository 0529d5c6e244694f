import type { Cancel } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ContainerLog, LogReader, ServerLog } from '../http/log-stream.ts';
import { maxLineChars } from '../upstream/line-follower.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** So many containers that have ended are remembered, each with the lines that its tail held. */
const maxEnded = 5;
const maxReaders = 10;

/** The stderr of all servers, by name: what is known of a server outlives a change of its configuration. */
export class LogBook {
  readonly #logs = new Map<string, ServerLogs>();

  of(server: string): ServerLogs {
    const log = this.#logs.get(server) ?? new ServerLogs();
    this.#logs.set(server, log);
    return log;
  }

  /** Ends all reading. */
  close(): void {
    for (const log of this.#logs.values()) log.close();
  }
}

/** The stderr of one server's containers: those that live by reference, the last few that ended as text. */
export class ServerLogs implements ServerLog {
  /** The oldest first. */
  readonly #live = new Set<Upstream>();
  readonly #ended: ContainerLog[] = [];
  readonly #readers = new Set<Following>();

  /** From here on what the container writes can be read. */
  add(upstream: Upstream): void {
    this.#live.add(upstream);
    for (const reader of this.#readers) reader.begin(upstream, 0);
    void upstream.gone.then(() => {
      this.#onGone(upstream);
    });
  }

  tails(count: number): ContainerLog[] {
    const ended = this.#ended.map((log) => ({ ...log, lines: lastOf(log.lines, count) }));
    const live = [...this.#live].map(({ name, stderr }): ContainerLog => {
      return { container: name, state: 'running', lines: stderr.lines(count, maxLineChars) };
    });
    return [...ended, ...live];
  }

  follow(count: number, reader: LogReader): Cancel {
    if (this.#readers.size >= maxReaders) {
      throw new BridgeError('SESSION_LIMIT', `Cannot follow the log: ${maxReaders} do already`, { limit: maxReaders });
    }
    for (const log of this.#ended) {
      for (const line of lastOf(log.lines, count)) reader.onLine(log.container, line);
      reader.onNote(log.container, describeEnd(log));
    }
    const following = new Following(reader);
    for (const upstream of this.#live) following.begin(upstream, count);
    this.#readers.add(following);
    return () => {
      following.cancel();
      this.#readers.delete(following);
    };
  }

  close(): void {
    for (const following of this.#readers) following.end();
    this.#readers.clear();
  }

  #onGone(upstream: Upstream): void {
    const { code, signal } = upstream.exit ?? {};
    const log: ContainerLog = {
      container: upstream.name,
      state: 'ended',
      ...(code === undefined ? {} : { exitCode: code }),
      ...(signal === undefined ? {} : { signal }),
      lines: upstream.stderr.lines(Infinity, maxLineChars),
    };
    this.#live.delete(upstream);
    this.#ended.push(log);
    if (this.#ended.length > maxEnded) this.#ended.shift();
    for (const following of this.#readers) following.finish(log);
  }
}

/** One reader, and what it reads. */
class Following {
  readonly #reader: LogReader;
  readonly #cancels = new Map<string, Cancel>();

  constructor(reader: LogReader) {
    this.#reader = reader;
  }

  begin({ name, stderr }: Upstream, count: number): void {
    const cancel = stderr.follow(count, {
      onLine: (text) => {
        this.#reader.onLine(name, text);
      },
      onLeftOut: (lines) => {
        this.#reader.onNote(name, `${lines} lines left out: more than 100 came within a second`);
      },
    });
    this.#cancels.set(name, cancel);
  }

  finish(log: ContainerLog): void {
    this.#cancels.delete(log.container);
    this.#reader.onNote(log.container, describeEnd(log));
  }

  cancel(): void {
    for (const cancel of this.#cancels.values()) cancel();
  }

  end(): void {
    this.cancel();
    this.#reader.onEnd();
  }
}

/** How a container ended, for people. */
export function describeEnd(end: {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}): string {
  const { exitCode, signal } = end;
  if (signal !== undefined) return `ended by ${signal}`;
  return exitCode === undefined ? 'ended' : `ended with exit code ${exitCode}`;
}

function lastOf(lines: readonly string[], count: number): readonly string[] {
  return lines.slice(Math.max(0, lines.length - count));
}
