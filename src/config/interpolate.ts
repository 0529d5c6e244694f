import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { isScalar, isSeq, Scalar, parseDocument, visit, type Document, type Node, type Pair } from 'yaml';
import { codeOf } from '../base/errors.ts';
import type { Diagnostic, KeyPath } from './diagnose.ts';
import { secretMappings } from './secret-mappings.ts';

export interface Interpolated {
  /** What a server of this name lacks: its `env`, say, names a variable or file that is not there. */
  readonly missing: ReadonlyMap<string, string>;
  /** Values of `env`, `headers` and `query` that came from outside the file, by `secretKey`. */
  readonly secrets: ReadonlySet<string>;
  readonly errors: readonly Diagnostic[];
}

const reference = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** A text as it has to be written to be read as it is: its dollar signs refer to nothing. */
export function literal(text: string): string {
  return /\$[${]/.test(text) ? text.replaceAll('$', '$$$$') : text;
}

/** What a value is known by. @param place below the server: "env", "API_KEY" */
export function secretKey(server: string, ...place: readonly string[]): string {
  return JSON.stringify([server, ...place]);
}

/**
 * Puts the environment and secret files into the values of a YAML document, in place: `${NAME}`, `${NAME:-default}`
 * (the default also for an empty value), `$$` for a plain dollar sign, and `file:PATH` where secrets go: in `env`, `headers` and `query`.
 * A value that is missing there switches the server off, and is an error anywhere else.
 */
export function interpolate(document: Document, environment: NodeJS.ProcessEnv, directory: string): Interpolated {
  const missing = new Map<string, string>();
  const secrets = new Set<string>();
  const errors: Diagnostic[] = [];

  const fill = (node: Scalar<string>, place: KeyPath): void => {
    const [server, ...below] = secretPlace(place);
    const lack = (reason: string): void => {
      if (server !== undefined) missing.set(server, reason);
      else errors.push({ path: place, message: reason });
    };
    const before = node.value;
    const unreadable = /\$\{[^}]*\}?/.exec(before.replace(reference, ''))?.[0];
    if (unreadable !== undefined) {
      const wanted = 'wanted ${NAME} or ${NAME:-default}, or $$ for a dollar sign';
      errors.push({ path: place, message: `cannot read "${unreadable}", ${wanted}` });
    }
    const value = substitute(before, environment, lack);
    if (server !== undefined) {
      node.value = before.startsWith('file:') ? readSecret(value.slice(5), directory, lack) : value;
      if (isReference(before)) secrets.add(secretKey(server, ...below));
    } else if (value !== before) {
      // A plain `${PORT:-8808}` is a number like a plain 8808; a quoted one stays a text.
      (node as Scalar).value = node.type === Scalar.PLAIN ? plainValue(value) : value;
    }
  };
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key') return;
      if (typeof node.value === 'number' || typeof node.value === 'boolean') {
        if (secretPlace(pathOf(node, ancestors)).length > 0) node.value = node.source;
        return;
      }
      if (typeof node.value !== 'string') return;
      fill(node as Scalar<string>, pathOf(node, ancestors));
    },
  });
  return { missing, secrets, errors };
}

/** The server, and the place in it, when that is one for secrets: `servers.NAME.env.API_KEY`, `….openapi.headers.X`. */
function secretPlace(place: KeyPath): readonly string[] {
  const [section, ...below] = place.map(String);
  const isNear = below.length === 3 || below.length === 4;
  return section === 'servers' && isNear && secretMappings.has(below.at(-2) ?? '') ? below : [];
}

/** Whether a value comes from outside the file. */
export function isReference(text: string): boolean {
  return text.startsWith('file:') || text.replaceAll('$$', '').includes('${');
}

function substitute(text: string, environment: NodeJS.ProcessEnv, lack: (reason: string) => void): string {
  return text.replace(reference, (whole, name: string | undefined, fallback: string | undefined) => {
    if (name === undefined) return whole === '$$' ? '$' : whole;
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value !== undefined && value !== '') return value;
    if (fallback !== undefined) return fallback;
    if (value === undefined) lack(`the environment variable ${name} is not set`);
    else lack(`the environment variable ${name} is empty`);
    return '';
  });
}

function readSecret(file: string, directory: string, lack: (reason: string) => void): string {
  const absolute = path.resolve(directory, file);
  try {
    if ((statSync(absolute).mode & 0o004) !== 0) {
      lack(`the secret file ${file} can be read by every user; set its mode to 600`);
      return '';
    }
    return readFileSync(absolute, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    lack(`the secret file ${file} cannot be read (${codeOf(error) ?? 'error'})`);
    return '';
  }
}

function plainValue(text: string): unknown {
  const value: unknown = (parseDocument(text).contents as Scalar | null)?.value;
  return typeof value === 'number' || typeof value === 'boolean' ? value : text;
}

function pathOf(node: Node, ancestors: readonly (Document | Node | Pair)[]): KeyPath {
  const place: (string | number)[] = [];
  const chain = [...ancestors, node];
  chain.forEach((ancestor, i) => {
    if ('key' in ancestor && isScalar(ancestor.key)) place.push(String(ancestor.key.value));
    else if (isSeq(ancestor)) place.push(ancestor.items.indexOf(chain[i + 1]));
  });
  return place;
}
