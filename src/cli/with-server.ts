import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { createLog } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { Arguments } from './args.ts';
import { findServer, openDirect } from './direct-client.ts';
import type { Output } from './output.ts';

/** Starts a server for one piece of work and removes it afterwards, however the work ends. */
export async function withServer(
  { name, view = 'as configured' }: { readonly name: string; readonly view?: 'as configured' | 'none' },
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
  work: (client: Client, server: ServerConfig) => Promise<number>,
): Promise<number> {
  const config = loadConfig(args.config, environment, args.overrides);
  const found = findServer(config, name);
  const server = view === 'none' ? { ...found, tools: undefined } : found;
  const log = createLog('warn', args.logFormat ?? 'pretty');
  const progress = (line: string): void => {
    output.complain(`  ${line}`);
  };
  const direct = await openDirect(config, server, { environment, log, progress });
  try {
    return await work(direct.client, server);
  } finally {
    await direct.close();
  }
}
