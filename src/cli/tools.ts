import { createLog } from '../base/log.ts';
import { loadConfig } from '../config/load.ts';
import type { Arguments } from './args.ts';
import { engineFor, findServer, openDirect } from './direct-client.ts';
import { table, type Output } from './output.ts';

/** `gangway tools NAME`: starts the server, lists its tools, removes it. */
export async function tools(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const config = loadConfig(args.config, environment, args.overrides);
  const server = findServer(config, args.operands[0] ?? '');
  const engine = await engineFor(config, server, environment);
  const log = createLog('warn', args.logFormat ?? 'pretty');
  const progress = (line: string): void => {
    output.complain(`  ${line}`);
  };
  const { client, close } = await openDirect(config, server, engine, { environment, log, progress });
  try {
    const { tools: found } = await client.listTools();
    if (args.isJson) output.json(found);
    else for (const line of table(found.map(({ name, description = '' }) => [name, firstSentence(description)]))) output.line(line);
    return 0;
  } finally {
    await close();
  }
}

function firstSentence(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
