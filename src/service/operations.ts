import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Admin } from '../http/admin.ts';
import type { ServerLog } from '../http/log-stream.ts';
import type { LogBook } from './server-logs.ts';

interface Parts {
  /** By name; what a name stands for may change. */
  readonly servers: ReadonlyMap<string, Recyclable>;
  readonly logs: LogBook;
  readonly log: Log;
  readonly status: () => object;
  readonly drain: () => void;
}

interface Recyclable {
  readonly config: Pick<ServerConfig, 'source'>;
  recycle(): void;
}

/** What an operator does with a running bridge; each thing done is a line in the log. */
export class Operations implements Admin {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  status(): object {
    return { ...this.#parts.status(), pid: process.pid };
  }

  recycle(name: string): void {
    const server = this.#find(name);
    this.#parts.log.info({ server: name }, 'an operator recycles a server');
    server.recycle();
  }

  drain(): void {
    this.#parts.log.info('an operator drains Gangway');
    this.#parts.drain();
  }

  log(name: string): ServerLog {
    this.#find(name);
    return this.#parts.logs.of(name);
  }

  #find(name: string): Recyclable {
    const { servers } = this.#parts;
    // Several servers as one have no containers and no logs: theirs have.
    const own = [...servers].filter(([, { config }]) => config.source.kind !== 'group');
    const server = own.find(([known]) => known === name);
    if (server) return server[1];
    const wanted = own.map(([known]) => known).join(', ');
    throw new BridgeError('SERVER_UNKNOWN', `Unknown server "${name}", wanted one of ${wanted}`);
  }
}
