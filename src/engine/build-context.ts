import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, type Dirent } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { BridgeError, codeOf } from '../base/errors.ts';
import { ignoringNothing, parseIgnoreFile, type Ignoring } from './ignore-file.ts';

/** A folder with more files than this is no folder of a server: it would be read for minutes. */
const maxFiles = 100_000;

/** A folder that can be built. */
export interface BuildContext {
  /** Absolute. */
  readonly folder: string;
  readonly containerfile: string;
  /** The same as long as nothing has changed that the builder can see, on any machine: 64 hexadecimal digits. */
  readonly digest: string;
}

/**
 * Reads a folder that is to be built: names, contents, links and who may execute, but no times and no owners. What its
 * ignore files leave out for every engine does not count.
 *
 * @throws {BridgeError} `BUILD_FAILED` when it has no Containerfile, cannot be read or has too many files
 */
export async function readBuildContext(folder: string): Promise<BuildContext> {
  const name = ['Containerfile', 'Dockerfile'].find((file) => existsSync(path.join(folder, file)));
  if (name === undefined) {
    throw new BridgeError('BUILD_FAILED', 'Cannot build the server: its folder has no Containerfile or Dockerfile');
  }
  const hash = createHash('sha256');
  const always = new Set([name, '.dockerignore', '.containerignore']);
  const ignoring = ignoringOf(folder, name);
  let count = 0;
  try {
    for await (const entry of entriesOf(folder, '', ignoring)) {
      if (!always.has(entry) && ignoring.ignores(entry)) continue;
      if ((count += 1) > maxFiles) throw tooMany();
      await addTo(hash, folder, entry);
    }
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    const sentence = `Cannot build the server: its folder cannot be read (${codeOf(error) ?? 'error'})`;
    throw new BridgeError('BUILD_FAILED', sentence, {}, { cause: error });
  }
  return { folder, containerfile: path.join(folder, name), digest: hash.digest('hex') };
}

function tooMany(): BridgeError {
  const wanted = 'wanted a .dockerignore that leaves out what the image does not need';
  return new BridgeError('BUILD_FAILED', `Cannot build the server: its folder has over ${maxFiles} files, ${wanted}`);
}

/**
 * What both engines leave out. Docker reads `.dockerignore`, Podman `.containerignore` before it; a file for one Containerfile
 * alone is read by some versions only.
 */
function ignoringOf(folder: string, containerfile: string): Ignoring {
  const read = (name: string): Ignoring | undefined => {
    const file = path.join(folder, name);
    return existsSync(file) ? parseIgnoreFile(readFileSync(file, 'utf8')) : undefined;
  };
  const isSpecial = ['dockerignore', 'containerignore'].some((kind) =>
    existsSync(path.join(folder, `${containerfile}.${kind}`)),
  );
  const docker = read('.dockerignore');
  if (!docker || isSpecial) return ignoringNothing;
  const podman = read('.containerignore') ?? docker;
  return {
    ignores: (file) => docker.ignores(file) && podman.ignores(file),
    ignoresAllOf: (file) => docker.ignoresAllOf(file) && podman.ignoresAllOf(file),
  };
}

/** Everything in a folder, in an order that depends on nothing but the names. */
async function* entriesOf(root: string, folder: string, ignoring: Ignoring): AsyncGenerator<string> {
  const entries = await readdir(path.join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort(byName)) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    yield name;
    if (entry.isDirectory() && !ignoring.ignoresAllOf(name)) yield* entriesOf(root, name, ignoring);
  }
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1;
}

async function addTo(hash: Hash, root: string, name: string): Promise<void> {
  const file = path.join(root, name);
  const stats = await lstat(file);
  // A length before each part: no two folders read the same.
  hash.update(`${Buffer.byteLength(name)} ${name} `);
  if (stats.isSymbolicLink()) hash.update(`link ${JSON.stringify(await readlink(file))}`);
  else if (!stats.isFile()) hash.update('other ');
  if (!stats.isFile()) return;
  hash.update(`file ${(stats.mode & 0o111) === 0 ? 'data' : 'program'} ${stats.size} `);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
}
