import type { LineCounter } from 'yaml';
import { isMap, isScalar, isSeq, type Document } from 'yaml';
import type { z } from 'zod';
import { closestTo } from '../base/closest.ts';
import { fileSchema } from './schema.ts';
import { secretMappings } from './secret-mappings.ts';

export type KeyPath = readonly (string | number)[];

/** One thing that is wrong with the file, and where: `servers.yaml:12:5: servers.fetch.pool.maxx: …`. */
export interface Diagnostic {
  readonly path: KeyPath;
  readonly message: string;
}

/** Where the parts of a YAML file stand. */
export class SourceMap {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;

  constructor(file: string, document: Document, lines: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
  }

  /** "FILE:LINE:COLUMN: KEY: MESSAGE"; the place is that of the key, or of the nearest parent that is in the file. */
  describe({ path, message }: Diagnostic): string {
    const { line, col } = this.#lines.linePos(this.#offset(path));
    const key = path.length > 0 ? `${path.join('.')}: ` : '';
    return `${this.#file}:${line}:${col}: ${key}${message}`;
  }

  #offset(path: KeyPath): number {
    let node: unknown = this.#document.contents;
    let offset = 0;
    for (const part of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (!pair || !isScalar(pair.key) || !pair.key.range) break;
        offset = pair.key.range[0];
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        if (isScalar(node) && node.range) offset = node.range[0];
      } else break;
    }
    return offset;
  }
}

/** What zod found, as sentences: what was there, what was wanted, and the nearest known key for an unknown one. */
export function diagnose(issues: readonly z.core.$ZodIssue[], raw: unknown): Diagnostic[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, knownKeys(path)) }));
    }
    if (issue.code === 'invalid_key') return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    const closest = issue.code === 'invalid_union' ? closestOf(issue.errors) : undefined;
    if (closest)
      return diagnose(
        closest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
        raw,
      );
    return [{ path, message: `${found(raw, path)}${issue.message}` }];
  });
}

/** Of several things that a value could have been, the one that it is: with something wrong inside it. */
function closestOf(alternatives: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  return alternatives.find((issues) => issues.every(({ code, path }) => code !== 'invalid_type' || path.length > 0));
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = closestTo(key, known);
  return nearest !== undefined
    ? `unknown key; did you mean "${nearest}"?`
    : `unknown key; known here: ${known.join(', ')}`;
}

/** The keys that the schema knows at a path; a record accepts any name, so its element stands for all. */
function knownKeys(path: KeyPath): string[] {
  let node: JsonSchema | undefined = fileSchema.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as JsonSchema;
  for (const part of path) {
    if (typeof part === 'number') node = node?.items;
    else node = node?.properties?.[part] ?? additional(node);
  }
  return Object.keys(mappingOf(node)?.properties ?? {});
}

/** Of a key that may be a mapping or something else, the mapping. */
function mappingOf(node: JsonSchema | undefined): JsonSchema | undefined {
  return node?.anyOf?.find(({ properties }) => properties) ?? node;
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

function additional(node: JsonSchema | undefined): JsonSchema | undefined {
  return typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
}

/** `got "abc", ` unless the value may be a secret or is absent. */
function found(raw: unknown, path: KeyPath): string {
  if (path.some((part) => secretMappings.has(String(part)))) return '';
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return '';
    value = (value as Record<string | number, unknown>)[part];
  }
  if (value === undefined) return 'is missing, ';
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) return '';
  const text = JSON.stringify(value);
  return `got ${text.length > 60 ? `${text.slice(0, 57)}…` : text}, `;
}
