import { isList, type Judge, type Keyword } from './keyword.ts';
import { isSame } from './schema-values.ts';
import { below, every, fault, holds, open, type Verdict } from './verdict.ts';

/** Keywords about arrays. */
export const arrayKeywords: Readonly<Record<string, Keyword>> = {
  prefixItems: ofArrays((rule, value, judge) => (isList(rule) ? judgeFirst(rule, value, judge) : open)),
  // Of draft-07, a list of them is what `prefixItems` is now.
  items: ofArrays((rule, value, judge) => {
    if (isList(rule)) return judgeFirst(rule, value, judge);
    const { prefixItems } = judge.schema;
    return judgeRest(rule, value, isList(prefixItems) ? prefixItems.length : 0, judge);
  }),
  additionalItems: ofArrays((rule, value, judge) => {
    const { items } = judge.schema;
    return isList(items) ? judgeRest(rule, value, items.length, judge) : holds;
  }),
  contains: ofArrays(judgeContains),
  minItems: ofLength((limit, length) => length >= limit, 'at least'),
  maxItems: ofLength((limit, length) => length <= limit, 'at most'),
  uniqueItems: ofArrays((rule, value, judge) => (rule === true ? judgeUnique(value, judge) : holds)),
  // What other keywords have looked at is not kept.
  unevaluatedItems: ofArrays(() => open),
};

function ofArrays(keyword: (rule: unknown, value: readonly unknown[], judge: Judge) => Verdict): Keyword {
  return (rule, value, judge) => (isList(value) ? keyword(rule, value, judge) : holds);
}

function judgeFirst(schemas: readonly unknown[], value: readonly unknown[], judge: Judge): Verdict {
  const first = value.slice(0, schemas.length);
  return every(first.map((element, i) => judge.judge(schemas[i], element, below(judge.pointer, i))));
}

function judgeRest(schema: unknown, value: readonly unknown[], from: number, judge: Judge): Verdict {
  if (!judge.spend(Math.max(0, value.length - from))) return open;
  return every(value.slice(from).map((element, i) => judge.judge(schema, element, below(judge.pointer, from + i))));
}

function judgeContains(rule: unknown, value: readonly unknown[], judge: Judge): Verdict {
  const { minContains, maxContains } = judge.schema;
  const atLeast = typeof minContains === 'number' ? minContains : 1;
  const atMost = typeof maxContains === 'number' ? maxContains : Infinity;
  if (!judge.spend(value.length)) return open;
  const verdicts = value.map((element) => judge.judge(rule, element));
  const fitting = verdicts.filter(({ faults }) => faults.length === 0);
  const certain = fitting.filter(({ isCertain }) => isCertain).length;
  if (fitting.length < atLeast) return fault(judge.pointer, `has ${fitting.length} of what it must contain, wanted at least ${atLeast}`); // prettier-ignore
  if (certain > atMost) return fault(judge.pointer, `has ${certain} of what it must contain, wanted at most ${atMost}`);
  return fitting.length <= atMost && certain >= atLeast ? holds : open;
}

function ofLength(isGood: (limit: number, length: number) => boolean, words: string): Keyword {
  return ofArrays((limit, { length }, { pointer }) => {
    if (typeof limit !== 'number') return open;
    return isGood(limit, length) ? holds : fault(pointer, `has ${length} elements, wanted ${words} ${limit}`);
  });
}

function judgeUnique(value: readonly unknown[], judge: Judge): Verdict {
  const scalars = new Set<unknown>();
  const others: unknown[] = [];
  for (const [i, element] of value.entries()) {
    const twice = isDouble(element, scalars, others, judge);
    if (twice === undefined) return open;
    if (twice) return fault(below(judge.pointer, i), 'is there twice');
  }
  return holds;
}

/** @returns undefined when it would cost too much to tell */
function isDouble(element: unknown, scalars: Set<unknown>, others: unknown[], judge: Judge): boolean | undefined {
  if (!judge.spend(1)) return undefined;
  if (typeof element !== 'object' || element === null) {
    const isNew = !scalars.has(element);
    scalars.add(element);
    return !isNew;
  }
  for (const other of others) {
    const same = isSame(other, element, judge);
    if (same !== false) return same;
  }
  others.push(element);
  return false;
}
