import { BridgeError, messageOf } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { parseArguments, usage, type Arguments } from './args.ts';
import { stderrOf } from './errors.ts';
import { terminal, type Output } from './output.ts';

/**
 * Runs one command line.
 *
 * @returns the exit code: 0 done, 1 it failed, 2 the command line or the configuration is wrong
 */
export async function run(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
  output: Output = terminal,
): Promise<number> {
  try {
    const args = parseArguments(argv);
    if (args.isHelp) output.line(usage.trimEnd());
    else if (args.isVersion) output.line(version());
    else return await runs[args.command](args, environment, output);
    return 0;
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    output.complain(error.message);
    for (const line of stderrOf(error)) output.complain(`  ${line}`);
    if (error.cause !== undefined) output.complain(`  ${messageOf(error.cause)}`);
    return error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
}

type Run = (args: Arguments, environment: NodeJS.ProcessEnv, output: Output) => Promise<number>;

/** Each command loads what it needs when it runs: a bridge should not hold what only others use. */
const runs: Readonly<Record<Arguments['command'], Run>> = {
  serve: async (...given) => (await import('./serve.ts')).serve(...given),
  add: async (...given) => (await import('./add.ts')).add(...given),
  import: async (...given) => (await import('./import.ts')).importServers(...given),
  connect: async (...given) => (await import('./connect.ts')).connect(...given),
  check: async (...given) => (await import('./check.ts')).check(...given),
  tools: async (...given) => (await import('./tools.ts')).tools(...given),
  call: async (...given) => (await import('./call.ts')).call(...given),
  build: async (...given) => (await import('./build.ts')).build(...given),
  ps: async (...given) => (await import('./ps.ts')).ps(...given),
  top: async (...given) => (await import('./top.ts')).top(...given),
  logs: async (...given) => (await import('./logs.ts')).logs(...given),
  recycle: async (...given) => (await import('./recycle.ts')).recycle(...given),
  drain: async (...given) => (await import('./drain.ts')).drain(...given),
  schema: async (_args, _environment, output) => {
    output.json((await import('../config/schema.ts')).jsonSchema());
    return 0;
  },
};
