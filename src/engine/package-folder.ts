import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { BridgeError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { PackageSource } from '../config/config.ts';
import type { Progress } from './engine.ts';
import { packageRecipe, whyNotInstalled, type PackageRecipe } from './package-recipe.ts';
import { processEnvironment } from './process-environment.ts';
import { clientEnvironment } from './run-args.ts';
import { needSpareDescriptors } from './spare-descriptors.ts';

const installMs = 10 * 60_000;
/** How long the last words of an installer may take to arrive. */
const lastWordsMs = 500;

/**
 * Packages as plain programs of this host, for where there is no container engine: each version is installed once, into a
 * folder of Gangway's own in the user's cache, and found there by every later start.
 */
export class PackageFolder {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #root: string;
  /** Installations under way, by recipe. */
  readonly #arrivals = new Map<string, Promise<string>>();

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
    const cache = environment['XDG_CACHE_HOME'] ?? path.join(environment['HOME'] ?? homedir(), '.cache');
    this.#root = path.join(cache, 'gangway', 'packages');
  }

  /**
   * @returns the program to start, absolute
   * @throws {BridgeError} `BUILD_FAILED` that says why it cannot be installed
   */
  ensure(source: PackageSource, progress: Progress): Promise<string> {
    const recipe = packageRecipe(source);
    const known = this.#arrivals.get(recipe.tag);
    if (known) return known;
    const arrival = this.#ensure(recipe, source, progress).finally(() => this.#arrivals.delete(recipe.tag));
    this.#arrivals.set(recipe.tag, arrival);
    return arrival;
  }

  async #ensure(recipe: PackageRecipe, source: PackageSource, progress: Progress): Promise<string> {
    // The same words as the image's tag, which are good names for a folder too.
    const home = path.join(this.#root, recipe.tag.split('/').at(-1)?.replace(':', '-') ?? '');
    const entry = path.join(home, 'current', 'entry');
    if (existsSync(entry)) return entry;
    // Not moved afterwards: a Python environment knows where it is. Whoever is first gives it its name.
    const folder = path.join(home, randomUUID());
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const [name, text] of Object.entries(recipe.files)) await writeFile(path.join(folder, name), text);
      progress(`installing ${recipe.title}`);
      for (const command of recipe.commands) await this.#run(command, folder, source, recipe, progress);
      const link = `${folder}.link`;
      await symlink(path.basename(folder), link);
      await rename(link, path.join(home, 'current'));
      return entry;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error instanceof BridgeError ? error : failed(recipe, 'its folder cannot be written', error);
    }
  }

  async #run(
    [program, ...args]: readonly [string, ...string[]],
    cwd: string,
    source: PackageSource,
    recipe: PackageRecipe,
    progress: Progress,
  ): Promise<void> {
    needSpareDescriptors();
    const file = program.includes('/') ? path.join(cwd, program) : program;
    const child = execa(file, args, {
      // The proxies that an engine's client would have, too.
      env: { ...clientEnvironment(this.#environment, []), ...processEnvironment(this.#environment) },
      ...{ cwd, extendEnv: false, stdin: 'ignore', reject: false },
      ...{ all: true, buffer: false, timeout: installMs, cleanup: true },
    });
    // What it has started may outlive it, and hold its output open: nobody waits for that.
    child.once('exit', () => {
      setTimeout(() => {
        [child.stdout, child.stderr].forEach((stream) => stream.destroy());
      }, lastWordsMs);
    });
    const lines: string[] = [];
    for await (const text of child.iterable({ from: 'all' })) {
      const line = printable(text);
      progress(line);
      lines.push(line);
      if (lines.length > 100) lines.shift();
    }
    const { exitCode, code } = await child;
    if (exitCode === 0) return;
    const why = code === 'ENOENT' ? `${program} is not there` : whyNotInstalled(lines, source);
    throw failed(recipe, why, lines.at(-1));
  }
}

function failed({ title }: PackageRecipe, why: string, cause: unknown): BridgeError {
  return new BridgeError('BUILD_FAILED', `Cannot install ${title}: ${why}`, {}, { cause });
}
