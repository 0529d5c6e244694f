import { LeftOut } from './imported.ts';

/** How clients' files say which of a server's tools there are. */
export interface ToolLists {
  /** Gemini CLI: these alone. */
  readonly includeTools?: readonly string[] | null | undefined;
  /** GitHub Copilot: these alone, or `*`. */
  readonly tools?: readonly string[] | null | undefined;
  /** Gemini CLI: all but these. */
  readonly excludeTools?: readonly string[] | null | undefined;
  /** Windsurf, Roo Code: the same. */
  readonly disabledTools?: readonly string[] | null | undefined;
}

/** The key `tools` of an entry. */
export interface ToolFilter {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/**
 * Which tools a client has of a server, as an entry says it; undefined for all.
 *
 * @throws {LeftOut} when it has none
 */
export function toolFilter({ includeTools, tools, excludeTools, disabledTools }: ToolLists): ToolFilter | undefined {
  const wanted = bareNames(includeTools ?? tools ?? ['*']);
  if (wanted.length === 0) throw new LeftOut('its client has none of its tools');
  const deny = bareNames([...(excludeTools ?? []), ...(disabledTools ?? [])]);
  const filter = {
    ...(wanted.includes('*') ? {} : { allow: wanted }),
    ...(deny.length === 0 ? {} : { deny }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

/** Gemini CLI takes `read(…)` for `read`. */
function bareNames(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.replace(/\(.*$/s, '')))];
}
