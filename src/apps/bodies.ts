import type { ArgumentNames } from './argument-names.ts';
import { isObject, type Json } from './json.ts';
import { hasBinaryFormat, isRange, kindOf, preferred } from './media-types.ts';
import type { DocumentOperation } from './operations.ts';
import type { Body, BodyField, FieldWriting } from './operation.ts';
import type { References } from './references.ts';
import type { SchemaWriter } from './schemas.ts';
import { styleOf } from './styles.ts';

/** What an argument is, for the input schema of its tool. */
export interface Argument {
  readonly name: string;
  readonly schema: Json | boolean;
  readonly isRequired: boolean;
}

interface Parts {
  readonly references: References;
  readonly schemas: SchemaWriter;
  readonly names: ArgumentNames;
}

/** The body of an operation, and the arguments that it is made of. @throws {DescriptionFault} */
export function bodyOf(
  { method, content: { requestBody }, place }: DocumentOperation,
  parts: Parts,
): { readonly body: Body | undefined; readonly arguments: readonly Argument[] } {
  if (requestBody === undefined || hasNoBody(method)) return { body: undefined, arguments: [] };
  const { references } = parts;
  const at = `${place}.requestBody`;
  const { content = {}, required } = references.object(requestBody, at);
  const offered = isObject(content) ? content : {};
  const mediaType = preferred(Object.keys(offered));
  if (mediaType === undefined) return { body: undefined, arguments: [] };
  const media = references.object(offered[mediaType], `${at}.content.${mediaType}`);
  const isRequired = required === true;
  const schema = media['schema'] ?? {};
  const resolved = references.follow(schema, at);
  const kind = kindOf(mediaType, resolved);
  const draft: Draft = { ...parts, kind, mediaType, isRequired, media, schema, place: `${at}.content.${mediaType}` };
  if (kind === 'binary') return binaryBody(draft, Object.keys(offered));
  if (kind !== 'text' && isFlat(resolved)) return memberBody(draft, resolved);
  return wholeBody(draft);
}

/** Some documents have one where HTTP gives it no meaning. @see OpenAPI 3.1, "Operation Object" */
function hasNoBody(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

interface Draft extends Parts {
  readonly kind: Body['kind'];
  readonly mediaType: string;
  readonly isRequired: boolean;
  readonly media: Json;
  readonly schema: unknown;
  readonly place: string;
}

type Drawn = ReturnType<typeof bodyOf>;

/** Keys with which an object is more than its properties. */
const binding = [
  ...['allOf', 'anyOf', 'oneOf', 'not', 'if', 'patternProperties', 'dependentSchemas', 'propertyNames', '$dynamicRef'],
  ...['unevaluatedProperties', 'dependentRequired', 'minProperties', 'maxProperties'],
];

/** Whether each of its properties can be an argument by itself. */
function isFlat(schema: unknown): schema is Json & { readonly properties: Json } {
  if (!isObject(schema) || !isObject(schema['properties']) || schema['nullable'] === true) return false;
  if (Object.keys(schema['properties']).length === 0) return false;
  const { type = 'object', additionalProperties = false } = schema;
  return type === 'object' && additionalProperties === false && binding.every((key) => schema[key] === undefined);
}

function memberBody(draft: Draft, { properties, required }: Json & { readonly properties: Json }): Drawn {
  const { schemas, names, isRequired, place } = draft;
  const shown = Object.entries(properties).filter(
    ([name, each]) => !schemas.isHidden(each, `${place}.schema.properties.${name}`),
  );
  const fields: BodyField[] = [];
  const found: Argument[] = [];
  const writing: Record<string, FieldWriting> = {};
  for (const [name, property] of shown) {
    const at = `${place}.schema.properties.${name}`;
    const argument = names.give(name, 'body');
    const how = fieldWriting(draft, name, property, at);
    fields.push({ argument, name });
    writing[name] = how;
    const schema = how.isFile ? fileSchema(draft.references.follow(property, at)) : schemas.write(property, at);
    const isNeeded = isRequired && Array.isArray(required) && required.includes(name);
    found.push({ name: argument, schema, isRequired: isNeeded });
  }
  return { body: { ...bodyFacts(draft), content: { fields }, writing }, arguments: found };
}

function wholeBody(draft: Draft): Drawn {
  const { schemas, names, isRequired, schema, place, kind } = draft;
  const argument = names.give('body', 'whole');
  const written = kind === 'text' ? textSchema(draft.mediaType) : schemas.write(schema, `${place}.schema`);
  const body: Body = { ...bodyFacts(draft), content: { whole: argument }, writing: {} };
  return { body, arguments: [{ name: argument, schema: written, isRequired }] };
}

function binaryBody(draft: Draft, offered: readonly string[]): Drawn {
  const { names, isRequired, mediaType, references, schema, place } = draft;
  const argument = names.give('body', 'whole');
  const whole: Argument = { name: argument, schema: fileSchema(references.follow(schema, place)), isRequired };
  const body: Body = { ...bodyFacts(draft), content: { whole: argument }, writing: {} };
  const choices = offered.filter((each) => kindOf(each, undefined) === 'binary');
  if (choices.length < 2 && !isRange(mediaType)) return { body, arguments: [whole] };
  const typeArgument = names.give('bodyType', 'media');
  const isOpen = choices.some(isRange);
  const description = `Media type of the body${isOpen ? `, such as image/png (${choices.join(', ')})` : ''}.`;
  const typeSchema = { type: 'string', description, ...(isOpen ? {} : { enum: choices }) };
  const type: Argument = { name: typeArgument, schema: typeSchema, isRequired: isRequired && isRange(mediaType) };
  return { body: { ...body, typeArgument }, arguments: [whole, type] };
}

function bodyFacts({ kind, mediaType, isRequired }: Draft): Omit<Body, 'content' | 'writing'> {
  return { kind, mediaType, isRequired, typeArgument: undefined };
}

function fieldWriting(
  { media, kind, references }: Draft,
  name: string,
  property: unknown,
  place: string,
): FieldWriting {
  const { encoding } = media;
  const own = isObject(encoding) && isObject(encoding[name]) ? encoding[name] : {};
  const { contentType } = own;
  const mediaType = typeof contentType === 'string' ? contentType.split(',')[0]?.trim() : undefined;
  const found = references.follow(property, place);
  const items = isObject(found) ? references.follow(found['items'], place) : undefined;
  const isFile = kind === 'multipart' && (hasBinaryFormat(found, mediaType) || hasBinaryFormat(items, mediaType));
  const isJson = mediaType !== undefined && kindOf(mediaType, undefined) === 'json';
  return { ...styleOf(own, 'query'), isJson, isFile, mediaType };
}

/** A file goes through JSON as base64. */
function fileSchema(schema: unknown): Json {
  const given = isObject(schema) ? schema : {};
  const description = typeof given['description'] === 'string' ? given['description'] : 'A file.';
  const one = { type: 'string', contentEncoding: 'base64', description: `${description} (base64)` };
  return given['type'] === 'array' ? { type: 'array', items: one } : one;
}

function textSchema(mediaType: string): Json {
  return { type: 'string', description: `The body, as ${mediaType}.` };
}
