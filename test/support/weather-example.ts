import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../', import.meta.url));
const example = path.join(root, 'examples/weather');

type Entry = Readonly<Record<string, unknown>> & { readonly pool: Readonly<Record<string, unknown>> };

/** A copy of `examples/weather` as a fresh clone has it. */
export function copyExample(folder: string): void {
  const isOfClone = (file: string): boolean => !/\/(dist|node_modules)$/.test(file);
  cpSync(example, folder, { recursive: true, filter: isOfClone });
}

/** `npm ci && npm run build` in a copy, with the packages and the compiler of this repository. */
export function buildExample(folder: string): void {
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '--project', folder]);
}

/** An entry of the example's `servers.yaml`. */
export function exampleEntry(name: string): Entry {
  const { servers } = parse(readFileSync(path.join(example, 'servers.yaml'), 'utf8')) as {
    servers: Record<string, Entry>;
  };
  const entry = servers[name];
  if (!entry) throw new Error(`the example has no server "${name}"`);
  return entry;
}
