import { isObject, type Judge, type Keyword, type SchemaObject } from './keyword.ts';
import { arrayKeywords } from './schema-arrays.ts';
import { choiceKeywords } from './schema-choices.ts';
import { objectKeywords } from './schema-objects.ts';
import { findSchema } from './schema-reference.ts';
import { saysNothing, valueKeywords } from './schema-values.ts';
import { every, fault, holds, open, type Fault, type Verdict } from './verdict.ts';

/** Schemas within each other, references included: more than anybody writes. */
const maxDepth = 64;
/** What one check may cost: some ten milliseconds at the most. */
const maxSteps = 100_000;

/**
 * Finds what is wrong with the arguments of a tool, before anything is sent. The schema comes from an image, so it is
 * not trusted: no code is made from it, none of its regular expressions is run, nothing that it refers to is fetched,
 * and a check has a bound. What is left out for that, and what is not understood, is left to the server: a fault that
 * is told is one, and a value without a fault may still be refused.
 *
 * @param schema JSON Schema, 2020-12 or draft-07
 * @param value what `JSON.parse` gave
 * @param place where it stands: a JSON Pointer, with which those of the faults begin
 * @returns at most 20 faults
 */
export function checkArguments(schema: unknown, value: unknown, place = ''): readonly Fault[] {
  return new Check(schema).judge(schema, value, place, 0).faults;
}

const keywords: ReadonlyMap<string, Keyword> = new Map(
  Object.entries({
    ...valueKeywords,
    ...objectKeywords,
    ...arrayKeywords,
    ...choiceKeywords,
    $ref: (rule, value, judge) => judge.refer(rule, value),
    // Rules that are not checked here.
    ...Object.fromEntries(['pattern', 'format', '$dynamicRef', '$recursiveRef'].map((name) => [name, () => open])),
    // Belong to another keyword, or are no rules.
    ...Object.fromEntries(['minContains', 'maxContains', 'then', 'else'].map((name) => [name, saysNothing])),
  } satisfies Record<string, Keyword>),
);

class Check {
  readonly #root: unknown;
  /** In draft-07, nothing that stands beside a `$ref` counts. */
  readonly #isOld: boolean;
  #stepsLeft = maxSteps;

  constructor(root: unknown) {
    this.#root = root;
    const dialect = isObject(root) ? root['$schema'] : undefined;
    this.#isOld = typeof dialect === 'string' && /\/draft-0[3-7]\//.test(dialect);
  }

  judge(schema: unknown, value: unknown, pointer: string, depth: number): Verdict {
    if (schema === true) return holds;
    if (schema === false) return fault(pointer, 'is not allowed');
    if (!isObject(schema) || depth > maxDepth || !this.#spend(1)) return open;
    // A part with a name of its own, to which references in it may be relative.
    if (schema !== this.#root && typeof schema['$id'] === 'string') return open;
    const { $ref } = schema;
    return this.#isOld && $ref !== undefined
      ? this.#judgeReferred($ref, value, pointer, depth)
      : this.#judgeKeywords(schema, value, pointer, depth);
  }

  #judgeKeywords(schema: SchemaObject, value: unknown, pointer: string, depth: number): Verdict {
    const names = Object.keys(schema);
    if (!this.#spend(names.length)) return open;
    const judge: Judge = {
      schema,
      pointer,
      judge: (other, part, at = pointer) => this.judge(other, part, at, depth + 1),
      refer: (target, part) => this.#judgeReferred(target, part, pointer, depth),
      spend: (steps) => this.#spend(steps),
    };
    return every(names.map((name) => keywords.get(name)?.(schema[name], value, judge) ?? holds));
  }

  #judgeReferred(target: unknown, value: unknown, pointer: string, depth: number): Verdict {
    const found = findSchema(this.#root, target);
    return found === undefined ? open : this.judge(found, value, pointer, depth + 1);
  }

  #spend(steps: number): boolean {
    this.#stepsLeft -= Math.max(1, steps);
    return this.#stepsLeft >= 0;
  }
}
