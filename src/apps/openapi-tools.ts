import { ArgumentNames } from './argument-names.ts';
import { bodyOf, type Argument } from './bodies.ts';
import { DescriptionFault } from './fault.ts';
import { isObject, type Json } from './json.ts';
import { isJsonType } from './media-types.ts';
import type { Operation, Parameter, ToolDescription } from './operation.ts';
import type { DocumentOperation } from './operations.ts';
import type { References } from './references.ts';
import { SchemaWriter, type Tally } from './schemas.ts';
import { styleOf } from './styles.ts';

/** What the configuration says about the tools of a document. */
export interface ToolSettings {
  readonly rename: Readonly<Record<string, string>>;
  readonly describe: Readonly<Record<string, string>>;
  readonly hasOutputs: boolean;
  /** Names of headers (in small letters) and query parameters that the configuration sends by itself. */
  readonly givenHeaders: ReadonlySet<string>;
  readonly givenQuery: ReadonlySet<string>;
}

/** All schemas together: to write them takes a second, in which nobody else is served, and every list has them all. */
const maxParts = 200_000;

/**
 * The tools of a document's operations.
 *
 * @throws {DescriptionFault} for what cannot be read, when two get one name, and when it is too much
 */
export function openApiTools(
  operations: readonly DocumentOperation[],
  references: References,
  settings: ToolSettings,
): Operation[] {
  const placeByName = new Map<string, string>();
  const tally: Tally = { parts: 0 };
  return operations.map((operation) => {
    const name = toolName(operation, settings);
    const twin = placeByName.get(name);
    if (twin !== undefined) {
      throw new DescriptionFault(
        operation.place,
        `its tool would be "${name}", as that of ${twin} is; wanted a "rename"`,
      );
    }
    placeByName.set(name, operation.place);
    const tool = toolOf(operation, name, references, settings, tally);
    if (tally.parts > maxParts) throw new DescriptionFault('', `the schemas of its tools have more than ${maxParts} parts; say which with "include", or "outputs: false"`); // prettier-ignore
    return tool;
  });
}

function toolName({ id }: DocumentOperation, { rename }: ToolSettings): string {
  if (Object.hasOwn(rename, id)) return rename[id] ?? id;
  const plain = id.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^_+(?=.)|_+$/g, '');
  return plain.slice(0, 128) || 'tool';
}

function toolOf(
  operation: DocumentOperation,
  name: string,
  references: References,
  settings: ToolSettings,
  tally: Tally,
): Operation {
  const names = new ArgumentNames();
  const schemas = new SchemaWriter(references, 'input', tally);
  const { parameters, found } = parametersOf(operation, schemas, names, references, settings);
  const { body, arguments: ofBody } = bodyOf(operation, { references, schemas, names });
  const outputSchema = settings.hasOutputs ? outputOf(operation, references, tally) : undefined;
  const tool: ToolDescription = {
    name,
    ...titleOf(operation),
    description: describe(operation, settings),
    inputSchema: inputSchema([...found, ...ofBody], schemas),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    annotations: annotationsOf(operation.method),
  };
  const { method, path } = operation;
  return { tool, method, path, parameters, body, produces: producedBy(operation, references) };
}

/** One schema for all arguments. */
export function inputSchema(found: readonly Argument[], schemas?: SchemaWriter): Json {
  const required = found.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(found.map(({ name, schema }) => [name, schema])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
    ...schemas?.definitions(),
  };
}

/** What a method says about its effects. @see RFC 9110, 9.2 */
export function annotationsOf(method: string): Json {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return { readOnlyHint: true };
  const isIdempotent = method === 'PUT' || method === 'DELETE';
  return { readOnlyHint: false, ...(isIdempotent ? { idempotentHint: true } : {}) };
}

function titleOf({ content: { summary } }: DocumentOperation): { title?: string } {
  return typeof summary === 'string' && summary !== '' ? { title: summary.slice(0, 200) } : {};
}

function describe({ id, method, path, content }: DocumentOperation, settings: ToolSettings): string {
  if (Object.hasOwn(settings.describe, id)) return settings.describe[id] ?? '';
  const texts = [content['summary'], content['description']].filter((text) => typeof text === 'string' && text !== '');
  const words = [...new Set(texts), ...(content['deprecated'] === true ? ['Deprecated.'] : [])].join('\n\n');
  return words === '' ? `${method} ${path}` : words;
}

/** Headers that are the bridge's own. @see OpenAPI 3.1, "Parameter Object", and RFC 9110, 7.6.1 */
const ownHeaders = new Set([
  ...['accept', 'content-type', 'authorization', 'content-length', 'host', 'connection', 'cookie'],
  ...['transfer-encoding', 'te', 'trailer', 'upgrade', 'keep-alive', 'expect', 'proxy-authorization'],
]);

function parametersOf(
  { parameters: described, path, place }: DocumentOperation,
  schemas: SchemaWriter,
  names: ArgumentNames,
  references: References,
  { givenHeaders, givenQuery }: ToolSettings,
): { parameters: Parameter[]; found: Argument[] } {
  const parameters: Parameter[] = [];
  const found: Argument[] = [];
  for (const { content, place: at } of inOrder(described)) {
    const { name, in: where, required } = content;
    if (typeof name !== 'string' || !isPlace(where)) throw new DescriptionFault(at, 'wanted "name" and "in"');
    const isGiven = where === 'query' ? givenQuery.has(name) : where === 'header' && isOwn(name, givenHeaders);
    if (isGiven) continue;
    const argument = names.give(name, where);
    const { schema, isJson } = schemaOf(content, at, references);
    const written = schemas.write(schema, `${at}.schema`);
    parameters.push({ argument, name, in: where, ...styleOf(content, where), isJson });
    found.push({
      name: argument,
      schema: withWords(written, content),
      isRequired: required === true || where === 'path',
    });
  }
  refuseMissing(path, place, parameters);
  return { parameters, found };
}

const places = ['path', 'query', 'header', 'cookie'] as const;

function isPlace(where: unknown): where is Parameter['in'] {
  return places.some((place) => place === where);
}

/** Those of the path first: where names clash, they keep theirs. */
function inOrder(described: DocumentOperation['parameters']): DocumentOperation['parameters'] {
  const rank = (where: unknown): number => places.findIndex((place) => place === where);
  return [...described].sort((a, b) => rank(a.content['in']) - rank(b.content['in']));
}

function isOwn(header: string, given: ReadonlySet<string>): boolean {
  const small = header.toLowerCase();
  return ownHeaders.has(small) || given.has(small);
}

function schemaOf(content: Json, place: string, references: References): { schema: unknown; isJson: boolean } {
  const [media] = isObject(content['content']) ? Object.entries(content['content']) : [];
  if (!media) return { schema: content['schema'] ?? {}, isJson: false };
  const described = references.object(media[1], `${place}.content`);
  return { schema: described['schema'] ?? {}, isJson: isJsonType(media[0]) };
}

/** The parameter's own words go before those of its schema. */
function withWords(written: Json | boolean, { description, deprecated, example }: Json): Json | boolean {
  if (!isObject(written)) return typeof description === 'string' ? { description } : written;
  return {
    ...written,
    ...(typeof description === 'string' ? { description } : {}),
    ...(deprecated === true ? { deprecated } : {}),
    ...(example !== undefined && written['examples'] === undefined ? { examples: [example] } : {}),
  };
}

function refuseMissing(path: string, place: string, parameters: readonly Parameter[]): void {
  for (const [, name = ''] of path.matchAll(/\{([^{}]*)\}/g)) {
    if (parameters.some((parameter) => parameter.in === 'path' && parameter.name === name)) continue;
    throw new DescriptionFault(place, `its path has "{${name}}", which is not one of its parameters`);
  }
}

/** What it answers when all goes well, when that is one thing only, and an object. */
function outputOf({ content, place }: DocumentOperation, references: References, tally: Tally): Json | undefined {
  const good = goodAnswers(content);
  const [only] = good;
  if (!only || good.length > 1) return undefined;
  const [status, answer] = only;
  const at = `${place}.responses.${status}`;
  const media = Object.entries(contentOf(references.object(answer, at))).filter(([mediaType]) => isJsonType(mediaType));
  const [first] = media;
  if (!first || media.length > 1) return undefined;
  const { schema } = references.object(first[1], `${at}.content`);
  const found = references.follow(schema, at);
  if (!isObject(found) || found['type'] !== 'object' || found['nullable'] === true) return undefined;
  return writtenOutput(found, at, references, tally);
}

function writtenOutput(schema: Json, place: string, references: References, tally: Tally): Json | undefined {
  const schemas = new SchemaWriter(references, 'output', tally);
  try {
    const written = schemas.write(schema, place);
    return isObject(written) ? { ...written, ...schemas.definitions() } : undefined;
  } catch (error) {
    // It can do without: what is wrong with an answer is no reason not to ask.
    if (error instanceof DescriptionFault) return undefined;
    throw error;
  }
}

function producedBy({ content, place }: DocumentOperation, references: References): string[] {
  return goodAnswers(content).flatMap(([status, answer]) =>
    Object.keys(contentOf(references.object(answer, `${place}.responses.${status}`))),
  );
}

function goodAnswers({ responses }: Json): [status: string, answer: unknown][] {
  return Object.entries(isObject(responses) ? responses : {}).filter(([status]) => status.startsWith('2'));
}

function contentOf({ content }: Json): Json {
  return isObject(content) ? content : {};
}
