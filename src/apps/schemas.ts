import { DescriptionFault } from './fault.ts';
import { isObject, textsOf, type Json } from './json.ts';
import type { References } from './references.ts';

/** Whether a schema is for what a client sends, or for what it gets. */
export type Direction = 'input' | 'output';

/** A schema with more parts than this is more than a model could read. */
const maxParts = 20_000;

/** What several schemas cost together. */
export interface Tally {
  parts: number;
}

const listsOfSchemas = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const mapsOfSchemas = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const schemaKeys = new Set([
  ...['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'],
  ...['unevaluatedItems', 'unevaluatedProperties', 'contentSchema'],
]);
/** OpenAPI's own, and those that would change what a reference means. */
const dropped = new Set([
  ...['nullable', 'discriminator', 'xml', 'externalDocs', 'example', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', '$anchor', '$dynamicRef', '$dynamicAnchor', '$vocabulary', '$defs', 'definitions'],
]);

/**
 * Writes schemas of an OpenAPI document, 3.0 or 3.1, as one JSON Schema 2020-12: references become `$defs`, so a schema
 * that holds itself stays finite.
 */
export class SchemaWriter {
  readonly #references: References;
  readonly #direction: Direction;
  readonly #names = new Map<string, string>();
  readonly #definitions: Record<string, unknown> = {};
  readonly #tally: Tally;
  #parts = 0;

  /** @param tally gets the parts that are written, those included that come to nothing */
  constructor(references: References, direction: Direction, tally: Tally) {
    this.#references = references;
    this.#direction = direction;
    this.#tally = tally;
  }

  /** What all schemas that were written refer to; for the root of the schema that they are in. */
  definitions(): Json {
    return Object.keys(this.#definitions).length === 0 ? {} : { $defs: this.#definitions };
  }

  /**
   * @param place where it stands, for errors
   * @throws {DescriptionFault} for a reference that leads to nothing, and for a schema that is too large
   */
  write(schema: unknown, place: string): Json | boolean {
    this.#parts += 1;
    this.#tally.parts += 1;
    if (this.#parts > maxParts) throw new DescriptionFault(place, `its schema has more than ${maxParts} parts`);
    if (typeof schema === 'boolean') return schema;
    if (!isObject(schema)) throw new DescriptionFault(place, 'wanted a schema');
    const { $ref: reference, ...others } = schema;
    if (typeof reference !== 'string') return this.#writeOwn(schema, place);
    const written = this.#writeOwn(others, place);
    return { ...(isObject(written) ? written : {}), $ref: this.#refer(reference, place) };
  }

  /** Whether a property is not for this direction. */
  isHidden(property: unknown, place: string): boolean {
    const mark = this.#direction === 'input' ? 'readOnly' : 'writeOnly';
    const isMarked = (schema: unknown): boolean => isObject(schema) && schema[mark] === true;
    // In 3.1 it may stand beside the reference.
    return isMarked(property) || isMarked(this.#references.follow(property, place));
  }

  #refer(reference: string, place: string): string {
    const known = this.#names.get(reference);
    if (known !== undefined) return `#/$defs/${known}`;
    // One that leads back to itself says nothing that could be checked.
    this.#references.follow({ $ref: reference }, place);
    const name = this.#nameFor(reference);
    this.#names.set(reference, name);
    this.#definitions[name] = true;
    this.#definitions[name] = this.write(this.#references.find(reference, place), reference);
    return `#/$defs/${name}`;
  }

  #nameFor(reference: string): string {
    const last = (reference.split('/').at(-1) ?? '').replace(/[^A-Za-z0-9_.-]/g, '_') || 'schema';
    let name = last;
    for (let n = 2; Object.hasOwn(this.#definitions, name); n++) name = `${last}_${n}`;
    return name;
  }

  #writeOwn(schema: Json, place: string): Json {
    const own = Object.entries(schema).filter(
      ([key]) => !dropped.has(key) && key !== 'required' && !key.startsWith('x-'),
    );
    const kept = own.filter(([key]) => !(key === 'format' && this.#direction === 'output'));
    const written = withBounds(
      Object.fromEntries(kept.map(([key, value]) => [key, this.#writeKey(key, value, place)])),
    );
    const required = 'required' in schema ? this.#requiredOf(schema, place) : [];
    const { example, examples } = schema;
    const whole = {
      ...written,
      ...(required.length > 0 ? { required } : {}),
      ...(example !== undefined && examples === undefined ? { examples: [example] } : {}),
    };
    return schema['nullable'] === true ? withNull(whole) : whole;
  }

  #writeKey(key: string, value: unknown, place: string): unknown {
    const below = `${place}.${key}`;
    if (schemaKeys.has(key)) return this.write(value, below);
    if (listsOfSchemas.has(key)) return list(value, below).map((each, i) => this.write(each, `${below}.${i}`));
    if (mapsOfSchemas.has(key)) return this.#writeMap(value, below);
    return value;
  }

  #writeMap(value: unknown, place: string): Json {
    if (!isObject(value)) throw new DescriptionFault(place, 'wanted a mapping');
    const shown = Object.entries(value).filter(([name, each]) => !this.isHidden(each, `${place}.${name}`));
    return Object.fromEntries(shown.map(([name, each]) => [name, this.write(each, `${place}.${name}`)]));
  }

  #requiredOf({ required, properties, allOf }: Json, place: string): readonly string[] {
    const parts = [{ properties }, ...(Array.isArray(allOf) ? (allOf as unknown[]) : [])].map((part: unknown) =>
      this.#references.follow(part, place),
    );
    const isShown = (name: string): boolean =>
      !parts.some((part) => {
        const all = isObject(part) && isObject(part['properties']) ? part['properties'] : {};
        return Object.hasOwn(all, name) && this.isHidden(all[name], place);
      });
    return textsOf(required).filter(isShown);
  }
}

function list(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new DescriptionFault(place, 'wanted a list');
  return value;
}

const bounds = [
  ['minimum', 'exclusiveMinimum'],
  ['maximum', 'exclusiveMaximum'],
] as const;

/** In 3.0 a bound says beside itself that it is exclusive. */
function withBounds(written: Json): Json {
  const entries = new Map(Object.entries(written));
  for (const [bound, exclusive] of bounds) {
    const isExclusive = entries.get(exclusive);
    if (typeof isExclusive !== 'boolean') continue;
    entries.delete(exclusive);
    const limit = entries.get(bound);
    if (!isExclusive || limit === undefined) continue;
    entries.delete(bound);
    entries.set(exclusive, limit);
  }
  return Object.fromEntries(entries);
}

function withNull(written: Json): Json {
  const { type, enum: values } = written;
  if (typeof type !== 'string') return Array.isArray(type) ? written : { anyOf: [written, { type: 'null' }] };
  const listed = Array.isArray(values) && !values.includes(null) ? { enum: [...(values as unknown[]), null] } : {};
  return { ...written, type: [type, 'null'], ...listed };
}
