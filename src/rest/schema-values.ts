import { isList, isObject, kindOf, type Judge, type Keyword } from './keyword.ts';
import { fault, holds, open, type Verdict } from './verdict.ts';

/** Characters of one text that one step pays for. */
const charactersPerStep = 16;
/** So much of a list of allowed values is shown. */
const shownLength = 200;

/** Keywords about a value that has no parts, or is taken as a whole. */
export const valueKeywords: Readonly<Record<string, Keyword>> = {
  type: (rule, value, { pointer }) => {
    const types = typeof rule === 'string' ? [rule] : rule;
    if (!isList(types) || types.length > typeTests.size) return open;
    const tests = types.map((type) => typeTests.get(type));
    if (tests.includes(undefined)) return open;
    if (tests.some((test) => test?.(value))) return holds;
    return fault(pointer, `is ${kindOf(value)}, wanted ${types.join(' or ')}`);
  },
  enum: (rule, value, judge) => {
    if (!isList(rule)) return open;
    for (const allowed of rule) {
      const same = isSame(allowed, value, judge);
      if (same !== false) return same ? holds : open;
    }
    return fault(judge.pointer, `wanted one of ${shown(rule)}`);
  },
  const: (rule, value, judge) => {
    const same = isSame(rule, value, judge);
    if (same === undefined) return open;
    return same ? holds : fault(judge.pointer, `wanted ${shown([rule])}`);
  },
  minimum: ofNumbers((limit, value) => value >= limit, 'at least'),
  maximum: ofNumbers((limit, value) => value <= limit, 'at most'),
  exclusiveMinimum: ofNumbers((limit, value) => value > limit, 'more than'),
  exclusiveMaximum: ofNumbers((limit, value) => value < limit, 'less than'),
  multipleOf: ofNumbers(isMultiple, 'a multiple of'),
  minLength: ofTexts((limit, length) => length >= limit, 'at least'),
  maxLength: ofTexts((limit, length) => length <= limit, 'at most'),
};

const typeTests: ReadonlyMap<unknown, (value: unknown) => boolean> = new Map<unknown, (value: unknown) => boolean>([
  ['null', (value) => value === null],
  ['boolean', (value) => typeof value === 'boolean'],
  ['string', (value) => typeof value === 'string'],
  ['number', (value) => typeof value === 'number'],
  ['integer', Number.isInteger],
  ['array', Array.isArray],
  ['object', isObject],
]);

function ofNumbers(isGood: (limit: number, value: number) => boolean, words: string): Keyword {
  return (limit, value, { pointer }) => {
    if (typeof limit !== 'number') return open;
    if (typeof value !== 'number' || isGood(limit, value)) return holds;
    return fault(pointer, `is ${value}, wanted ${words} ${limit}`);
  };
}

/** 0.3 is one of 0.1, whatever a computer makes of it. */
function isMultiple(step: number, value: number): boolean {
  const times = value / step;
  return (
    !(step > 0) || !Number.isFinite(times) || Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times))
  );
}

function ofTexts(isGood: (limit: number, length: number) => boolean, words: string): Keyword {
  return (limit, value, judge) => {
    if (typeof limit !== 'number') return open;
    if (typeof value !== 'string') return holds;
    if (!judge.spend(value.length / charactersPerStep)) return open;
    const length = characters(value);
    return isGood(limit, length) ? holds : fault(judge.pointer, `has ${length} characters, wanted ${words} ${limit}`);
  };
}

/** A character outside of the basic plane counts once. */
function characters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) if ((text.charCodeAt(at) & 0xfc00) !== 0xdc00) count += 1;
  return count;
}

/** @returns undefined when it would cost too much to tell */
export function isSame(a: unknown, b: unknown, judge: Pick<Judge, 'spend'>): boolean | undefined {
  const isText = typeof a === 'string' && typeof b === 'string';
  if (!judge.spend(isText ? 1 + Math.min(a.length, b.length) / charactersPerStep : 1)) return undefined;
  if (isList(a) && isList(b)) return a.length === b.length && areSame(a, b, Object.keys(a), judge);
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && areSame(a, b, keys, judge);
}

function areSame(a: object, b: object, keys: readonly string[], judge: Pick<Judge, 'spend'>): boolean | undefined {
  for (const key of keys) {
    if (!Object.hasOwn(b, key)) return false;
    const same = isSame(a[key as keyof typeof a], b[key as keyof typeof b], judge);
    if (same !== true) return same;
  }
  return true;
}

function shown(values: readonly unknown[]): string {
  const texts: string[] = [];
  let length = 0;
  for (const value of values) {
    const text = typeof value === 'object' && value !== null ? kindOf(value) : shownScalar(value);
    length += text.length;
    if (length > shownLength) return [...texts, '…'].join(', ');
    texts.push(text);
  }
  return texts.join(', ');
}

function shownScalar(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? value.slice(0, shownLength) : value);
}

/** For keywords that say nothing that could be found wrong. */
export const saysNothing = (): Verdict => holds;
