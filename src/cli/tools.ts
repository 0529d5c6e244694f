import type { Arguments } from './args.ts';
import { table, type Output } from './output.ts';
import { withServer } from './with-server.ts';

/** `gangway tools NAME`: starts the server, lists its tools, removes it. */
export function tools(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  return withServer(args.operands[0] ?? '', args, environment, output, async (client) => {
    const { tools: found } = await client.listTools();
    const rows = found.map(({ name, description = '' }) => [name, firstLine(description)]);
    if (args.isJson) output.json(found);
    else for (const line of table(rows)) output.line(line);
    return 0;
  });
}

function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
