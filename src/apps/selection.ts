import { closestTo } from '../base/closest.ts';
import { DescriptionFault } from './fault.ts';
import type { DocumentOperation } from './operations.ts';

type Named = Pick<DocumentOperation, 'id' | 'method' | 'path' | 'tags'>;

/**
 * The operations that become tools. A pattern is an operationId (`*` stands for any part of it), a path (`*` for one
 * segment, `**` for any number; with a method before it or without), or `tag:NAME`.
 *
 * @throws {DescriptionFault} for a pattern that means nothing, and when nothing is left
 */
export function select<T extends Named>(
  operations: readonly T[],
  include: readonly string[],
  exclude: readonly string[],
): T[] {
  const [wanted, unwanted] = [matchers('include', include, operations), matchers('exclude', exclude, operations)];
  const left = operations
    .filter((operation) => wanted.length === 0 || wanted.some((matches) => matches(operation)))
    .filter((operation) => !unwanted.some((matches) => matches(operation)));
  if (left.length > 0) return left;
  const none = operations.length === 0 ? 'it has no operations' : 'include and exclude leave no operation';
  throw new DescriptionFault('', none);
}

/** @throws {DescriptionFault} for a key that is no operation's id */
export function refuseUnknown(key: string, ids: readonly string[], operations: readonly Named[]): void {
  const known = operations.map(({ id }) => id);
  for (const id of ids) {
    if (known.includes(id)) continue;
    const nearest = closestTo(id, known);
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    throw new DescriptionFault(key, `there is no operation "${id}"${hint}`);
  }
}

type Matches = (operation: Named) => boolean;

function matchers(key: string, patterns: readonly string[], operations: readonly Named[]): Matches[] {
  return patterns.map((pattern) => {
    const matches = matcherFor(pattern);
    if (operations.some(matches)) return matches;
    throw new DescriptionFault(key, `"${pattern}" is no operation, path or tag of it`);
  });
}

function matcherFor(pattern: string): Matches {
  if (pattern.startsWith('tag:')) return ({ tags }) => tags.includes(pattern.slice(4));
  const [, method, path] = /^(?:([A-Za-z]+) +)?(\/.*)$/.exec(pattern) ?? [];
  if (path === undefined) {
    const id = globOf(pattern, '.*');
    return (operation) => id.test(operation.id);
  }
  const place = globOf(path, '[^/]*');
  return (operation) => {
    return (method === undefined || method.toUpperCase() === operation.method) && place.test(operation.path);
  };
}

function globOf(pattern: string, star: string): RegExp {
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part === '*' ? star : part.startsWith('*') ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`);
}
