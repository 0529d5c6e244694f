import { isList, type Judge, type Keyword } from './keyword.ts';
import { every, fault, holds, open, type Verdict } from './verdict.ts';

/** So many reasons are told of one choice. */
const shownReasons = 3;

/** Keywords that put schemas together. */
export const choiceKeywords: Readonly<Record<string, Keyword>> = {
  allOf: (rule, value, judge) => (isList(rule) ? every(rule.map((schema) => judge.judge(schema, value))) : open),
  anyOf: (rule, value, judge) => {
    if (!isList(rule)) return open;
    const verdicts = rule.map((schema) => judge.judge(schema, value));
    const fitting = verdicts.filter(fits);
    if (fitting.length === 0) return noneFits(verdicts, judge);
    return fitting.some(({ isCertain }) => isCertain) ? holds : open;
  },
  oneOf: (rule, value, judge) => {
    if (!isList(rule)) return open;
    const verdicts = rule.map((schema) => judge.judge(schema, value));
    const fitting = verdicts.filter(fits);
    const certain = fitting.filter(({ isCertain }) => isCertain).length;
    if (fitting.length === 0) return noneFits(verdicts, judge);
    if (certain > 1) return fault(judge.pointer, `fits ${certain} of its forms, wanted exactly one`);
    return fitting.length === 1 && certain === 1 ? holds : open;
  },
  not: (rule, value, judge) => {
    const verdict = judge.judge(rule, value);
    if (!fits(verdict)) return holds;
    return verdict.isCertain ? fault(judge.pointer, 'is what it must not be') : open;
  },
  if: (rule, value, judge) => {
    const verdict = judge.judge(rule, value);
    const { then: whenTrue, else: whenFalse } = judge.schema;
    if (!fits(verdict)) return whenFalse === undefined ? holds : judge.judge(whenFalse, value);
    if (!verdict.isCertain) return open;
    return whenTrue === undefined ? holds : judge.judge(whenTrue, value);
  },
};

function fits({ faults }: Verdict): boolean {
  return faults.length === 0;
}

/** With one form only, its own faults say more. */
function noneFits(verdicts: readonly Verdict[], { pointer }: Judge): Verdict {
  const [only] = verdicts;
  if (only && verdicts.length === 1) return only;
  const reasons = verdicts.flatMap(({ faults: [first] }) => (first ? [describe(first, pointer)] : []));
  const told = [...new Set(reasons)].slice(0, shownReasons).join('; or ');
  return fault(pointer, `fits none of its forms: ${told}`);
}

function describe({ pointer, reason }: { pointer: string; reason: string }, from: string): string {
  return pointer === from ? reason : `"${pointer.slice(from.length + 1)}" ${reason}`;
}
