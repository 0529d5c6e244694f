import { closestTo } from '../base/closest.ts';
import type { ToolsConfig } from '../config/config.ts';
import { pinOf } from '../relay/tool-view.ts';
import type { Tool } from './list-tools.ts';

/** What `tools:` of a server says of tools that it does not have, or that are others now: a sentence each. */
export function faultsOf(view: ToolsConfig, tools: readonly Tool[]): string[] {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const named = (['rename', 'describe', 'pin'] as const).flatMap((key) =>
    [...view[key].keys()].filter((name) => !byName.has(name)).map((name) => unknownTool(key, name, [...byName.keys()])),
  );
  const changed = [...view.pin].flatMap(([name, pin]) => {
    const tool = byName.get(name);
    return tool && pinOf(tool) !== pin ? [`tools.pin.${name}: the tool is another now (${pinOf(tool)})`] : [];
  });
  return [...named, ...changed];
}

function unknownTool(key: string, name: string, known: readonly string[]): string {
  const nearest = closestTo(name, known);
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  return `tools.${key}.${name}: the server has no such tool${hint}`;
}
