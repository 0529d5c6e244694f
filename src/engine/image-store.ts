import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ErrorCode } from '../base/error-table.ts';
import { BridgeError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { ImageSource, PackageSource } from '../config/config.ts';
import { readBuildContext } from './build-context.ts';
import type { Progress } from './engine.ts';
import { packageRecipe, whyNotInstalled } from './package-recipe.ts';
import { engineRefusal } from './refusal.ts';

/** The engine's client, as the image store needs it. */
export interface ImageClient {
  has(image: string): Promise<boolean>;
  /** "sha256:…"; undefined when it cannot be told. */
  idOf(image: string): Promise<string | undefined>;
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
  /** What the names of images stand for, as far as that was asked. */
  readonly #digests = new Map<string, string>();
  /** Folders that were built → what the image of each is called. */
  readonly #tags = new Map<string, string>();
  /** Folders that are looked at again → the last who asked for it: they go one after the other. */
  readonly #renewals = new Map<string, Promise<string>>();
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
   * The image of a folder as it was when it was first asked for, or last renewed. One that was built from the same
   * before, by any Gangway, is used as it is.
   *
   * @returns the tag of the image, which changes with what is in the folder
   * @throws {BridgeError} `BUILD_FAILED`
   */
  async build(folder: string, progress: Progress): Promise<string> {
    await this.#once(`build ${folder}`, () => this.#make(folder, progress));
    return this.#tags.get(folder) ?? '';
  }

  /**
   * Looks at a folder again. What was built before stays in use until there is something new, and when there is none.
   *
   * @param isForced asks the builder even for a folder that has not changed: what it is based on may have
   * @returns the tag of the image
   * @throws {BridgeError} `BUILD_FAILED`
   */
  renew(folder: string, progress: Progress, isForced = false): Promise<string> {
    const before = this.#renewals.get(folder)?.catch(() => undefined) ?? Promise.resolve();
    const renewal = before
      .then(() => this.#renew(folder, progress, isForced))
      .finally(() => {
        if (this.#renewals.get(folder) === renewal) this.#renewals.delete(folder);
      });
    this.#renewals.set(folder, renewal);
    return renewal;
  }

  /**
   * The image of a package: a version never changes, so it is installed once for all times.
   *
   * @param isForced as for `renew`
   * @returns the tag of the image
   * @throws {BridgeError} `BUILD_FAILED`
   */
  async package(source: PackageSource, progress: Progress, isForced = false): Promise<string> {
    const { tag } = packageRecipe(source);
    if (isForced) await this.#install(source, progress);
    await this.#once(tag, async () => {
      if (!(await this.#client.has(tag))) await this.#install(source, progress);
    });
    return tag;
  }

  /** An image that is here, with what its name stands for: asked once, until it is to be looked at again. */
  async identified(image: string): Promise<ImageSource> {
    const digest = this.#digests.get(image) ?? (await this.#client.idOf(image).catch(() => undefined));
    if (digest === undefined) return { kind: 'image', image };
    this.#digests.set(image, digest);
    return { kind: 'image', image, digest };
  }

  /** A name may stand for something else now. */
  lookAgain(image: string): void {
    this.#digests.delete(image);
  }

  /** The engine said that an image is gone: look again next time. */
  forget(image: string): void {
    this.lookAgain(image);
    for (const pull of ['missing', 'always', 'never']) this.#present.delete(`${pull} ${image}`);
    this.#present.delete(image);
    for (const [folder, tag] of this.#tags) if (tag === image) this.#present.delete(`build ${folder}`);
  }

  async #renew(folder: string, progress: Progress, isForced: boolean): Promise<string> {
    const key = `build ${folder}`;
    // A build that is under way may have read the folder before it changed.
    await this.#arrivals.get(key)?.catch(() => undefined);
    this.#failures.delete(key);
    if (this.#present.has(key)) await this.#make(folder, progress, isForced);
    else await this.#once(key, () => this.#make(folder, progress, isForced));
    return this.#tags.get(folder) ?? '';
  }

  async #make(folder: string, progress: Progress, isForced = false): Promise<void> {
    const { containerfile, digest } = await readBuildContext(folder);
    const tag = `localhost/gangway/${readableName(folder)}:${digest.slice(0, 12)}`;
    if (isForced || !(await this.#client.has(tag))) {
      progress(`building ${path.basename(folder)}`);
      const why = await this.#client.build(tag, containerfile, folder, progress);
      if (why !== undefined) {
        const sentence = 'Cannot build the server: the builder failed, the log has its output';
        throw new BridgeError('BUILD_FAILED', sentence, {}, { cause: why });
      }
    }
    this.#tags.set(folder, tag);
  }

  async #install(source: PackageSource, progress: Progress): Promise<void> {
    const { title, tag, files, containerfile } = packageRecipe(source);
    const lines: string[] = [];
    const folder = await mkdtemp(path.join(tmpdir(), 'gangway-package-'));
    try {
      for (const [name, text] of Object.entries({ ...files, Containerfile: containerfile }))
        await writeFile(path.join(folder, name), text);
      progress(`building an image with ${title}`);
      const why = await this.#client.build(tag, path.join(folder, 'Containerfile'), folder, (line) => {
        if (lines.push(line) > 100) lines.shift();
        progress(line);
      });
      if (why === undefined) return;
      const sentence = `Cannot install ${title}: ${whyNotInstalled(lines, source)}`;
      throw new BridgeError('BUILD_FAILED', sentence, {}, { cause: why });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
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
    const sentence = `Cannot pull image "${image}": ${registryFailure(why)}`;
    throw new BridgeError('IMAGE_UNAVAILABLE', sentence, { image }, { cause: why });
  }
}

/** The name of a folder, as far as an image may be called so. */
function readableName(folder: string): string {
  const name = path.basename(folder).toLowerCase();
  return name.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'server';
}

/** Why a pull or a push failed, in words that may be shown to anybody. */
export function registryFailure(why: string): string {
  if (/no space left/i.test(why)) return 'there is no space left';
  if (/unauthorized|denied|authentication|no basic auth/i.test(why))
    return 'the registry wants a login, or does not have it';
  if (/no such host|connection refused|timeout|unreachable|dial tcp|took longer/i.test(why))
    return 'the registry cannot be reached';
  if (/manifest unknown|not found|does not exist|name unknown/i.test(why)) return 'the registry does not have it';
  return 'the engine failed, the log has its words';
}
