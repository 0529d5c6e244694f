import type { Clock } from '../base/clock.ts';
import type { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { Redactor } from '../base/redact.ts';
import type { HeaderEntry } from '../config/config.ts';
import type { Backend } from '../relay/backend.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { RemoteChannel } from './remote-channel.ts';
import { RemoteHttp } from './remote-http.ts';

/** Where a server is that speaks Streamable HTTP already, and what goes with every request to it. */
export interface RemotePlace {
  readonly url: string;
  readonly headers: readonly HeaderEntry[];
  /** The longest message that it may send. */
  readonly maxLineBytes: number;
}

interface RemoteStats {
  /** Sessions there, those included whose end it has not been told yet. */
  readonly sessions: number;
  /** What went wrong, ever. */
  readonly failures: number;
  readonly lastError?: string;
}

/** A server that is somebody else's: each client has a session of its own there. */
export class RemoteServer implements Backend {
  /** What fails is found out, and told, for each session. */
  readonly failure = undefined;
  readonly #place: RemotePlace;
  readonly #http: RemoteHttp;
  readonly #redactor: Redactor;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #channels = new Set<RemoteChannel>();
  #failures = 0;
  #lastError: BridgeError | undefined;

  constructor(place: RemotePlace, clock: Clock, log: Log) {
    this.#place = place;
    this.#http = new RemoteHttp(new URL(place.url), place.headers, clock);
    this.#redactor = new Redactor(
      place.headers.filter(({ secret }) => secret).flatMap(({ value }) => secretsIn(value)),
    );
    this.#clock = clock;
    this.#log = log;
  }

  /** Sessions whose end the server does not know yet. */
  get leases(): number {
    return this.#channels.size;
  }

  /** It runs already. */
  open(): Promise<void> {
    return Promise.resolve();
  }

  /** What a new session talks to: nothing goes to the server before its client has spoken. */
  lease(): Promise<ChannelLease> {
    const channel = new RemoteChannel({
      ...{ http: this.#http, redactor: this.#redactor, clock: this.#clock, log: this.#log },
      maxLineBytes: this.#place.maxLineBytes,
      onTrouble: (error) => {
        this.#onTrouble(error);
      },
    });
    this.#channels.add(channel);
    return Promise.resolve({
      upstream: channel,
      wasWarm: false,
      prove: () => undefined,
      release: async () => {
        await channel.close();
        this.#channels.delete(channel);
      },
    });
  }

  /** Facts for `/status`. */
  describe(): { readonly remote: RemoteStats } {
    const stats = { sessions: this.#channels.size, failures: this.#failures };
    return { remote: { ...stats, ...(this.#lastError ? { lastError: this.#lastError.message } : {}) } };
  }

  #onTrouble(error: BridgeError): void {
    this.#failures += 1;
    const { code, message, data } = error;
    // The same again and again is no news.
    if (this.#lastError?.message !== message)
      this.#log.warn({ code, ...data, error: message }, 'a remote server failed');
    this.#lastError = error;
  }
}

/** `Bearer TOKEN`: the second word is the secret; masked with the first, it would not be known alone. */
function secretsIn(value: string): string[] {
  const last = value.trim().split(/\s+/).at(-1) ?? '';
  return [value, last];
}
