import type { Bytes } from '../jsonrpc/bytes.ts';
import { clientLimits } from '../jsonrpc/message.ts';
import { objectIn, paramsOf } from '../relay/rewrite.ts';
import { headerMismatch } from './header-mismatch.ts';
import { wrappedHeader, type RequestHeaders } from './header-value.ts';

/** An argument of a tool that a header repeats. */
export interface MirroredParam {
  /** As the schema has it. */
  readonly name: string;
  /** In lower case. */
  readonly header: string;
  /** The names of the properties that lead to it. */
  readonly path: readonly string[];
}

/**
 * The arguments of a tool that headers repeat; none when any of the annotations breaks a rule, since clients do not
 * know such a tool.
 *
 * @param inputSchema a JSON text
 * @see MCP 2026-07-28, Streamable HTTP, "Schema Extension"
 */
export function mirroredParams(inputSchema: string): readonly MirroredParam[] {
  // Nearly all have none: nothing is parsed then.
  if (!inputSchema.includes(annotation)) return [];
  const found: MirroredParam[] = [];
  const headers = new Set<string>();
  const toVisit: Place[] = [{ schema: JSON.parse(inputSchema), path: [] }];
  for (let place = toVisit.pop(); place; place = toVisit.pop()) {
    const { schema, path } = place;
    if (!isObject(schema)) continue;
    if (annotation in schema) {
      const param = readAnnotation(schema, path);
      if (!param || headers.has(param.header)) return [];
      headers.add(param.header);
      found.push(param);
    }
    toVisit.push(...within(schema, path));
  }
  return found;
}

/**
 * Checks that the headers of one call repeat its arguments. A value that no header can carry, such as an object, is
 * for the server to refuse; but a header must not say what the body does not.
 *
 * @throws {BridgeError} `HEADER_MISMATCH`
 * @see MCP 2026-07-28, Streamable HTTP, "Server Behavior for Custom Headers"
 */
export function checkMirroredParams(mirrored: readonly MirroredParam[], bytes: Bytes, headers: RequestHeaders): void {
  if (mirrored.length === 0) return;
  const args = paramsOf(bytes).get('arguments');
  for (const { name, header, path } of mirrored) {
    const value = valueAt(args, path);
    const got = wrappedHeader(headers, header);
    const isAbsent = 'fault' in got && got.fault === 'missing';
    if (value === undefined ? isAbsent : !('fault' in got) && isSame(got.text, value)) continue;
    throw headerMismatch(`Mcp-Param-${name}`, got, value === undefined ? undefined : String(value));
  }
}

const annotation = 'x-mcp-header';

/** A schema within the tool's schema. */
interface Place {
  readonly schema: unknown;
  /** Undefined when something else than `properties` leads to it, or more of them than a call can have. */
  readonly path: readonly string[] | undefined;
}

const primitives: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);

function readAnnotation(schema: Schema, path: readonly string[] | undefined): MirroredParam | undefined {
  const name = schema[annotation];
  if (path === undefined || path.length === 0 || !primitives.has(schema['type'])) return undefined;
  // @see RFC 9110, 5.6.2, "Tokens"
  if (typeof name !== 'string' || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return undefined;
  return { name, header: `mcp-param-${name.toLowerCase()}`, path };
}

/** Keywords with a schema, or with several in an array. */
const branches = [
  ...['items', 'prefixItems', 'additionalItems', 'contains', 'unevaluatedItems'],
  ...['additionalProperties', 'unevaluatedProperties', 'propertyNames'],
  ...['oneOf', 'anyOf', 'allOf', 'not', 'if', 'then', 'else', 'contentSchema'],
];
/** Keywords with schemas by name. */
const maps = ['patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions'];

function within(schema: Schema, path: readonly string[] | undefined): Place[] {
  const places: Place[] = [];
  const { properties } = schema;
  if (isObject(properties)) {
    const isInReach = path !== undefined && path.length < clientLimits.depth;
    for (const [name, each] of Object.entries(properties)) {
      places.push({ schema: each, path: isInReach ? [...path, name] : undefined });
    }
  }
  const others = [
    ...branches.flatMap((keyword): unknown => schema[keyword]),
    ...maps.flatMap((keyword): unknown[] => Object.values(schema[keyword] ?? {})),
  ];
  return [...places, ...others.map((each) => ({ schema: each, path: undefined }))];
}

type Schema = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns undefined for what no header can carry */
function valueAt(args: string | undefined, path: readonly string[]): string | number | boolean | undefined {
  let text = args;
  for (const name of path) text = objectIn(text).get(name);
  if (text === undefined || !/^["\-0-9tf]/.test(text)) return undefined;
  const value = JSON.parse(text) as string | number | boolean;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : value;
}

function isSame(header: string, value: string | number | boolean): boolean {
  if (typeof value !== 'number') return header === String(value);
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(header) && Number(header) === value;
}
