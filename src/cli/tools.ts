import { stringify } from 'yaml';
import { pinOf } from '../relay/tool-view.ts';
import type { Arguments } from './args.ts';
import { listTools, type Tool } from './list-tools.ts';
import { table, type Output } from './output.ts';
import { withServer } from './with-server.ts';

/** `gangway tools NAME`: starts the server, lists its tools as clients see them, removes it. `--pins`: what pins each. */
export function tools(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const view = args.isPins ? 'none' : 'as configured';
  return withServer({ name: args.operands[0] ?? '', view }, args, environment, output, async (client) => {
    const found = await listTools(client);
    if (args.isPins) printPins(found, args, output);
    else printTools(found, args, output);
    return 0;
  });
}

function printTools(found: readonly Tool[], { isJson }: Arguments, output: Output): void {
  const rows = found.map(({ name, description = '' }) => [name, firstLine(description)]);
  if (isJson) output.json(found);
  else for (const line of table(rows)) output.line(line);
}

/** As they go into the server's entry in `servers.yaml`. */
function printPins(found: readonly Tool[], { isJson }: Arguments, output: Output): void {
  const pin = Object.fromEntries(found.map((tool) => [tool.name, pinOf(tool)]));
  if (isJson) output.json(pin);
  else output.line(stringify({ tools: { pin } }).trimEnd());
}

function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
