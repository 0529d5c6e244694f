import { isList, isObject, type SchemaObject } from './keyword.ts';
import { findSchema } from './schema-reference.ts';

/** Larger schemas than these are shown as "any object". */
const maxDepth = 64;
const maxNodes = 20_000;
/** So many schemas may be referred to. */
const maxNames = 500;

/** Where schemas stand in a schema. */
const schemaMaps = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const schemaLists = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const singleSchemas = new Set([
  ...['items', 'additionalProperties', 'unevaluatedProperties', 'propertyNames', 'contains', 'unevaluatedItems'],
  ...['not', 'if', 'then', 'else', 'contentSchema'],
]);
/**
 * What belongs to a schema that stands alone, or leads out of it: whoever reads the document must fetch nothing. What it
 * defines stands elsewhere.
 */
const leftOut = new Set([
  ...['$schema', '$id', 'id', '$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveAnchor', '$recursiveRef'],
  ...['$vocabulary', '$comment', '$defs', 'definitions'],
]);

/**
 * A schema of a tool as schemas of an OpenAPI 3.1 document: in the dialect of that, which is 2020-12. Whatever it refers to becomes
 * a schema of its own beside it, since generators of clients follow references to nothing else.
 *
 * @param schema as the server wrote it, perhaps draft-07
 * @param name of the schema, such as `forecast_Input`; those of the others begin with it
 */
export function embedSchema(schema: SchemaObject, name: string): ReadonlyMap<string, object> {
  const walk: Walk = { root: schema, names: new Map([['#', name]]), name, nodesLeft: maxNodes };
  const embedded = new Map<string, object>();
  // Grows while it is walked.
  for (const [target, own] of walk.names) {
    const found = embed(findSchema(schema, target), walk, 0);
    embedded.set(own, isObject(found) ? found : found === false ? { not: {} } : {});
  }
  return walk.nodesLeft > 0 ? embedded : new Map([[name, { type: 'object' }]]);
}

interface Walk {
  readonly root: SchemaObject;
  /** Of the schemas that are referred to, by reference. */
  readonly names: Map<string, string>;
  readonly name: string;
  /** 0 when it was too much. */
  nodesLeft: number;
}

function embed(schema: unknown, walk: Walk, depth: number): unknown {
  if (typeof schema === 'boolean') return schema;
  if (!isObject(schema)) return {};
  walk.nodesLeft = depth > maxDepth ? 0 : Math.max(0, walk.nodesLeft - 1);
  if (walk.nodesLeft === 0) return {};
  const members = Object.entries(schema).flatMap(([name, rule]) => embedMember(name, rule, schema, walk, depth));
  return Object.fromEntries(members);
}

type Member = readonly [name: string, rule: unknown];

function embedMember(name: string, rule: unknown, schema: SchemaObject, walk: Walk, depth: number): Member[] {
  const inner = (part: unknown): unknown => embed(part, walk, depth + 1);
  if (leftOut.has(name)) return [];
  if (name === '$ref') return embedReference(rule, walk);
  if (schemaMaps.has(name)) return isObject(rule) ? [[name, mapped(rule, inner)]] : [];
  if (schemaLists.has(name)) return isList(rule) && rule.length > 0 ? [[name, rule.map(inner)]] : [];
  return (
    embedOlder(name, rule, schema, inner) ?? (singleSchemas.has(name) ? [[name, inner(rule)]] : keepData(name, rule))
  );
}

type Inner = (part: unknown) => unknown;

/** @returns undefined for what 2020-12 writes in the same way as draft-07 */
function embedOlder(name: string, rule: unknown, schema: SchemaObject, inner: Inner): Member[] | undefined {
  if (name === 'items' && isList(rule)) return [['prefixItems', rule.map(inner)]];
  if (name === 'additionalItems') return isList(schema['items']) ? [['items', inner(rule)]] : [];
  return name === 'dependencies' ? embedDependencies(rule, inner) : undefined;
}

function embedReference(rule: unknown, walk: Walk): Member[] {
  if (typeof rule !== 'string' || findSchema(walk.root, rule) === undefined) return [];
  const name = walk.names.get(rule) ?? nameFor(rule, walk);
  walk.names.set(rule, name);
  if (walk.names.size > maxNames) walk.nodesLeft = 0;
  return [['$ref', `#/components/schemas/${name}`]];
}

/** After the last part of the reference; with a number where that is taken. */
function nameFor(reference: string, { name, names }: Walk): string {
  const last = reference.slice(reference.lastIndexOf('/') + 1).replaceAll(/[^A-Za-z0-9_]/g, '_');
  const taken = new Set([...names.values()].map((other) => other.toLowerCase()));
  let wanted = `${name}_${last}`;
  for (let count = 2; taken.has(wanted.toLowerCase()); count++) wanted = `${name}_${last}_${count}`;
  return wanted;
}

function embedDependencies(rule: unknown, inner: Inner): Member[] {
  const entries = isObject(rule) ? Object.entries(rule) : [];
  const lists = entries.filter(([, wanted]) => isList(wanted));
  const schemas = entries
    .filter(([, wanted]) => !isList(wanted))
    .map(([name, wanted]) => [name, inner(wanted)] as const);
  return [
    ...(lists.length > 0 ? [['dependentRequired', Object.fromEntries(lists)] as const] : []),
    ...(schemas.length > 0 ? [['dependentSchemas', Object.fromEntries(schemas)] as const] : []),
  ];
}

function mapped(schemas: SchemaObject, inner: Inner): object {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, inner(schema)]));
}

/** What holds no schema stays as it is; older dialects write a few rules in a way that would make the whole document invalid. */
function keepData(name: string, rule: unknown): Member[] {
  return isOfDialect(name, rule) ? [[name, rule]] : [];
}

function isOfDialect(name: string, rule: unknown): boolean {
  switch (name) {
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return typeof rule === 'number';
    case 'required':
    case 'enum':
    case 'examples':
      return isList(rule);
    default:
      return true;
  }
}
