import { isList, isObject, type Judge, type Keyword, type SchemaObject } from './keyword.ts';
import { below, every, fault, holds, open, type Verdict } from './verdict.ts';

/** So many names are offered to somebody who used another one. */
const shownNames = 10;

/** Keywords about objects. */
export const objectKeywords: Readonly<Record<string, Keyword>> = {
  properties: ofObjects((rule, value, judge) => {
    if (!isObject(rule)) return open;
    const names = Object.keys(value).filter((name) => Object.hasOwn(rule, name));
    return judgeMembers(value, names, judge, (name) => rule[name]);
  }),
  // A regular expression of a server is never run on a client's text: the server does that itself.
  patternProperties: ofObjects(() => open),
  additionalProperties: ofObjects((rule, value, judge) => {
    if (judge.schema['patternProperties'] !== undefined) return open;
    const { properties } = judge.schema;
    const known = isObject(properties) ? properties : {};
    const others = Object.keys(value).filter((name) => !Object.hasOwn(known, name));
    if (rule !== false) return judgeMembers(value, others, judge, () => rule);
    if (others.length === 0) return holds;
    const names = Object.keys(known);
    judge.spend(names.length);
    const wanted = names.slice(0, shownNames).join(', ');
    const reason = wanted === '' ? 'is not known: there are no arguments' : `is not known, wanted one of ${wanted}`;
    return every(others.map((name) => fault(below(judge.pointer, name), reason)));
  }),
  propertyNames: ofObjects((rule, value, judge) =>
    every(Object.keys(value).map((name) => judge.judge(rule, name, below(judge.pointer, name)))),
  ),
  required: ofObjects((rule, value, judge) => (isList(rule) ? missing(rule, value, judge) : open)),
  minProperties: ofSize((limit, size) => size >= limit, 'at least'),
  maxProperties: ofSize((limit, size) => size <= limit, 'at most'),
  dependentRequired: ofObjects(judgeDependents),
  dependentSchemas: ofObjects(judgeDependents),
  // Both of them, in draft-07.
  dependencies: ofObjects(judgeDependents),
  // What other keywords have looked at is not kept.
  unevaluatedProperties: ofObjects(() => open),
};

function ofObjects(keyword: (rule: unknown, value: SchemaObject, judge: Judge) => Verdict): Keyword {
  return (rule, value, judge) => {
    if (!isObject(value)) return holds;
    return judge.spend(Object.keys(value).length) ? keyword(rule, value, judge) : open;
  };
}

function judgeMembers(
  value: SchemaObject,
  names: readonly string[],
  judge: Judge,
  schemaOf: (name: string) => unknown,
): Verdict {
  return every(names.map((name) => judge.judge(schemaOf(name), value[name], below(judge.pointer, name))));
}

function missing(names: readonly unknown[], value: SchemaObject, judge: Judge): Verdict {
  if (!judge.spend(names.length)) return open;
  const absent = names.filter((name) => typeof name === 'string' && !Object.hasOwn(value, name));
  return every(absent.map((name) => fault(below(judge.pointer, String(name)), 'is missing')));
}

function ofSize(isGood: (limit: number, size: number) => boolean, words: string): Keyword {
  return ofObjects((limit, value, { pointer }) => {
    if (typeof limit !== 'number') return open;
    const size = Object.keys(value).length;
    return isGood(limit, size) ? holds : fault(pointer, `has ${size} members, wanted ${words} ${limit}`);
  });
}

/** Where there is one member, others must be, or a schema must hold for the whole. */
function judgeDependents(rule: unknown, value: SchemaObject, judge: Judge): Verdict {
  if (!isObject(rule)) return open;
  const names = Object.keys(value).filter((name) => Object.hasOwn(rule, name));
  return every(
    names.map((name) => {
      const wanted = rule[name];
      return isList(wanted) ? missing(wanted, value, judge) : judge.judge(wanted, value);
    }),
  );
}
