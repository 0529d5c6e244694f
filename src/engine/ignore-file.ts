/** Whether a file is left out of what a builder gets; and whether a whole folder is, so that nobody has to look into it. */
export interface Ignoring {
  ignores(path: string): boolean;
  ignoresAllOf(folder: string): boolean;
}

interface Rule {
  readonly isException: boolean;
  readonly text: string;
  readonly matches: RegExp;
}

/** Where nothing is left out. */
export const ignoringNothing: Ignoring = { ignores: () => false, ignoresAllOf: () => false };

/**
 * Reads a `.dockerignore` as Docker and Podman do: the last line that matches a path, or a folder above it, decides. What
 * they would not agree upon (character classes, escapes) is read so that less is left out.
 *
 * @param text of the file; paths are relative to its folder, with `/` between their parts
 */
export function parseIgnoreFile(text: string): Ignoring {
  const rules = text.split(/\r?\n/).flatMap((line) => parseRule(line));
  const ignores = (path: string): boolean => {
    const places = withParents(path);
    const last = rules.findLast(({ matches }) => places.some((place) => matches.test(place)));
    return last !== undefined && !last.isException;
  };
  return {
    ignores,
    ignoresAllOf: (folder) => ignores(folder) && !rules.some((rule) => rule.isException && mayBeIn(rule, folder)),
  };
}

function parseRule(line: string): Rule[] {
  const trimmed = line.replace(/^\uFEFF/, '').trim();
  if (trimmed === '' || line.startsWith('#')) return [];
  const isException = trimmed.startsWith('!');
  const text = cleanPath(isException ? trimmed.slice(1).trim() : trimmed);
  if (text === '') return [];
  if (/[[\]\\]/.test(text)) return isException ? [{ isException, text: '**', matches: /^/ }] : [];
  return [{ isException, text, matches: regExpFor(text) }];
}

/** Without `.` and empty parts, and without a `/` at either end. */
function cleanPath(text: string): string {
  const parts: string[] = [];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0) parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** `*` and `?` stay within one part of a path, `**` does not. */
function regExpFor(text: string): RegExp {
  const source = text.replace(/\*\*\/?|\*|\?|[.+^${}()|]/g, (found, at: number) => {
    if (found === '*') return '[^/]*';
    if (found === '?') return '[^/]';
    if (!found.startsWith('**')) return `\\${found}`;
    return at + found.length === text.length ? '.*' : '(.*/)?';
  });
  return new RegExp(`^${source}$`);
}

/** `a/b/c` → `a`, `a/b`, `a/b/c`. */
function withParents(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** An exception that has a wildcard may be anywhere. */
function mayBeIn({ text }: Rule, folder: string): boolean {
  return /[*?]/.test(text) || `${text}/`.startsWith(`${folder}/`);
}
