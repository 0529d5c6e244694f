import type { ToolsConfig } from './config.ts';
import type { ServerEntry } from './schema.ts';
import type { Surroundings } from './surroundings.ts';

/** The key `tools` of a server → its view; reports two tools under one name. */
export function resolveTools(entry: NonNullable<ServerEntry['tools']>, report: Surroundings['report']): ToolsConfig {
  const rename = Object.entries(entry.rename ?? {});
  rename.forEach(([original, shown], i) => {
    const first = rename.findIndex(([, other]) => other === shown);
    if (first < i)
      report(['tools', 'rename', original], `"${shown}" is what "${rename[first]?.[0]}" is called already`);
  });
  return {
    allow: entry.allow,
    deny: entry.deny ?? [],
    rename: new Map(rename),
    describe: new Map(Object.entries(entry.describe ?? {})),
    pin: new Map(Object.entries(entry.pin ?? {})),
    onChange: entry.onChange ?? 'block',
  };
}
