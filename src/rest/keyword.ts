import type { Verdict } from './verdict.ts';

/** A schema that is an object, as it came from a server: nothing in it is what it should be until it was looked at. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** What a keyword can use. */
export interface Judge {
  /** The schema that the keyword stands in. */
  readonly schema: SchemaObject;
  /** Of the value that is judged. */
  readonly pointer: string;
  /** Judges the same value, or a part of it, by another schema. */
  judge(schema: unknown, value: unknown, pointer?: string): Verdict;
  /** Judges the same value by a schema that is named. @param target such as `#/$defs/city` */
  refer(target: unknown, value: unknown): Verdict;
  /** Takes steps from what the whole may cost. @returns false when there are none left: then nothing is said */
  spend(steps: number): boolean;
}

/**
 * One keyword of JSON Schema.
 *
 * @param rule its value in the schema
 * @returns `open` where the rule is not what the standard says: the server has the last word
 */
export type Keyword = (rule: unknown, value: unknown, judge: Judge) => Verdict;

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An array, with elements that nobody has looked at. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** What a person calls it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
