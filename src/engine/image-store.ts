import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ErrorCode } from '../base/error-table.ts';
import { BridgeError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Progress } from './engine.ts';
import { engineRefusal } from './refusal.ts';

/** The engine's client, as the image store needs it. */
export interface ImageClient {
  has(image: string): Promise<boolean>;
  /** Resolves to undefined, or to why it failed, in one line. */
  pull(image: string, progress: Progress): Promise<string | undefined>;
  /** The same. */
  build(tag: string, containerfile: string, context: string, progress: Progress): Promise<string | undefined>;
}

/** A failed pull is not tried again for this long: a crowd of clients must not become a storm on the registry. */
const negativeMs = 30_000;

/** The engine was not there, or could not be asked: nothing about the image. */
const saysNothing: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ENGINE_UNAVAILABLE', 'OVERLOADED']);

/** Images that are here, or on their way: one pull or build serves all who wait for it. */
export class ImageStore {
  readonly #client: ImageClient;
  readonly #clock: Clock;
  /** Images that are being fetched, each by one piece of work for all who wait. */
  readonly #arrivals = new Map<string, Promise<void>>();
  /** Images that are here. */
  readonly #present = new Set<string>();
  /** Images that could not be had, and until when that is believed. */
  readonly #failures = new Map<string, { readonly error: BridgeError; readonly until: number }>();

  constructor(client: ImageClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws {BridgeError} `IMAGE_UNAVAILABLE` */
  ensure(image: string, pull: 'missing' | 'always' | 'never', progress: Progress): Promise<void> {
    // What one server may do about a missing image says nothing about another's.
    return this.#once(`${pull} ${image}`, () => this.#fetch(image, pull, progress));
  }

  /**
   * Builds a folder, once for each start of Gangway; the engine's own cache makes an unchanged folder quick.
   *
   * @returns the tag of the image
   * @throws {BridgeError} `BUILD_FAILED`
   */
  async build(context: string, progress: Progress): Promise<string> {
    const folder =
      path
        .basename(context)
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-|-$/g, '') || 'server';
    const tag = `localhost/gangway/${folder}:${createHash('sha256').update(context).digest('hex').slice(0, 12)}`;
    await this.#once(tag, async () => {
      const file = ['Containerfile', 'Dockerfile']
        .map((name) => path.join(context, name))
        .find((name) => existsSync(name));
      if (file === undefined) {
        throw new BridgeError('BUILD_FAILED', 'Cannot build the server: its folder has no Containerfile or Dockerfile');
      }
      const why = await this.#client.build(tag, file, context, progress);
      if (why !== undefined) {
        const sentence = 'Cannot build the server: the builder failed, the log has its output';
        throw new BridgeError('BUILD_FAILED', sentence, {}, { cause: why });
      }
    });
    return tag;
  }

  /** The engine said that an image is gone: look again next time. */
  forget(image: string): void {
    for (const pull of ['missing', 'always', 'never']) this.#present.delete(`${pull} ${image}`);
    this.#present.delete(image);
  }

  #once(key: string, fetch: () => Promise<void>): Promise<void> {
    const failure = this.#failures.get(key);
    if (failure && failure.until > this.#clock.now()) return Promise.reject(failure.error);
    if (this.#present.has(key)) return Promise.resolve();
    const known = this.#arrivals.get(key);
    if (known) return known;
    const arrival = fetch()
      .then(
        () => void this.#present.add(key),
        (error: unknown) => {
          if (error instanceof BridgeError && !saysNothing.has(error.code))
            this.#failures.set(key, { error, until: this.#clock.now() + negativeMs });
          throw error;
        },
      )
      .finally(() => this.#arrivals.delete(key));
    this.#arrivals.set(key, arrival);
    return arrival;
  }

  async #fetch(image: string, pull: 'missing' | 'always' | 'never', progress: Progress): Promise<void> {
    if (pull !== 'always' && (await this.#client.has(image))) return;
    if (pull === 'never') {
      const wanted = 'it is not present and pull is "never"';
      throw new BridgeError('IMAGE_UNAVAILABLE', `Cannot use image "${image}": ${wanted}`, { image });
    }
    progress(`pulling ${image}`);
    const why = await this.#client.pull(image, progress);
    if (why === undefined) return;
    if (engineRefusal([why]).reason === 'engine-gone')
      throw new BridgeError(
        'ENGINE_UNAVAILABLE',
        'Cannot pull an image: the engine does not answer',
        {},
        { cause: why },
      );
    // The engine's own words may tell a client about our network: they are for the log.
    const sentence = `Cannot pull image "${image}": ${pullFailure(why)}`;
    throw new BridgeError('IMAGE_UNAVAILABLE', sentence, { image }, { cause: why });
  }
}

/** Why a pull failed, in words that may be shown to anybody. */
function pullFailure(why: string): string {
  if (/no space left/i.test(why)) return 'there is no space left';
  if (/unauthorized|denied|authentication|no basic auth/i.test(why))
    return 'the registry wants a login, or does not have it';
  if (/no such host|connection refused|timeout|unreachable|dial tcp|took longer/i.test(why))
    return 'the registry cannot be reached';
  if (/manifest unknown|not found|does not exist|name unknown/i.test(why)) return 'the registry does not have it';
  return 'the engine failed, the log has its words';
}
