import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { EngineName } from './engines.ts';

const run = promisify(execFile);
const servers = fileURLToPath(new URL('../fixtures/servers/', import.meta.url));

/** A container as the engine's own client lists it. */
export interface ListedContainer {
  readonly name: string;
  readonly state: string;
}

/** Containers whose label `key` has this value (or any), in whatever state. */
export async function listContainers(engine: EngineName, key: string, value?: string): Promise<ListedContainer[]> {
  const filter = `label=${key}${value === undefined ? '' : `=${value}`}`;
  const lines = await ask(engine, ['ps', '--all', '--filter', filter, '--format', '{{.Names}}\t{{.State}}']);
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', state = ''] = line.split('\t');
      return { name, state: state.toLowerCase() };
    });
}

/** The containers of one installation of Gangway. */
export function containersOf(engine: EngineName, instance: string): Promise<ListedContainer[]> {
  return listContainers(engine, 'io.gangway.instance', instance);
}

/** Which of these names the engine still has. */
export async function remaining(engine: EngineName, names: readonly string[]): Promise<string[]> {
  const all = new Set((await ask(engine, ['ps', '--all', '--format', '{{.Names}}'])).split('\n'));
  return names.filter((name) => all.has(name));
}

/** One label of a container. */
export async function labelOf(engine: EngineName, name: string, key: string): Promise<string> {
  return (await ask(engine, ['inspect', '--format', `{{index .Config.Labels "${key}"}}`, name])).trim();
}

export async function removeContainers(engine: EngineName, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const now = engine === 'podman' ? ['--time', '0'] : [];
  await ask(engine, ['rm', '--force', ...now, ...names]).catch(() => undefined);
}

/** Kills the process in a container. */
export async function killContainer(engine: EngineName, name: string): Promise<void> {
  await ask(engine, ['kill', name]);
}

/** A container that Gangway did not start, which runs until it is removed. */
export async function startForeign(
  engine: EngineName,
  image: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const options = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  const forever = ['--entrypoint', 'sleep', image, '600'];
  await ask(engine, ['run', '--detach', '--network', 'none', '--name', name, ...options, ...forever]);
}

/** The address of this machine at which a port of a container is published. */
export async function publishedAt(engine: EngineName, name: string, port: number): Promise<string> {
  return (await ask(engine, ['port', name, String(port)])).trim();
}

/** Images that Gangway built from folders whose names begin like this. */
export async function imagesBuiltFrom(engine: EngineName, folder: string): Promise<string[]> {
  const names = await ask(engine, ['images', '--format', '{{.Repository}}:{{.Tag}}']);
  return names.split('\n').filter((name) => name.startsWith(`localhost/gangway/${folder}`));
}

export function hasImage(engine: EngineName, image: string): Promise<boolean> {
  return ask(engine, ['image', 'inspect', image]).then(
    () => true,
    () => false,
  );
}

/** The image of a container, as it was named at its start. */
export async function imageOf(engine: EngineName, container: string): Promise<string> {
  return (
    await ask(engine, ['inspect', '--format', engine === 'podman' ? '{{.ImageName}}' : '{{.Config.Image}}', container])
  ).trim();
}

/** As whom the process of an image runs. */
export async function imageUser(engine: EngineName, image: string): Promise<string> {
  return (await ask(engine, ['image', 'inspect', '--format', '{{.Config.User}}', image])).trim();
}

/** Takes an image away; containers that use it must be gone. */
export async function removeImage(engine: EngineName, image: string): Promise<void> {
  await ask(engine, ['rmi', '--force', image]).catch(() => undefined);
}

/**
 * The image of `test/fixtures/servers`: their files in /servers, on the stock Node image. Built when it is not there.
 *
 * @returns its name, whose tag changes with the files
 */
export async function fixtureImage(engine: EngineName): Promise<string> {
  const hash = createHash('sha256');
  for (const file of readdirSync(servers).sort()) hash.update(file).update(readFileSync(path.join(servers, file)));
  const image = `localhost/gangway-test/servers:${hash.digest('hex').slice(0, 12)}`;
  if (!(await hasImage(engine, image)))
    await ask(engine, ['build', '--tag', image, '--file', path.join(servers, 'Containerfile'), servers]);
  return image;
}

async function ask(engine: EngineName, args: readonly string[]): Promise<string> {
  const { stdout } = await run(engine, args, { timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** For tests that count containers: none is started only to say what it speaks. */
export const uncounted = { modern: 'fallback' } as const;
