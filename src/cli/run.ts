import { BridgeError, messageOf } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { jsonSchema } from '../config/schema.ts';
import { parseArguments, usage, type Arguments } from './args.ts';
import { call } from './call.ts';
import { check } from './check.ts';
import { drain } from './drain.ts';
import { stderrOf } from './errors.ts';
import { logs } from './logs.ts';
import { terminal, type Output } from './output.ts';
import { ps } from './ps.ts';
import { recycle } from './recycle.ts';
import { serve } from './serve.ts';
import { tools } from './tools.ts';
import { top } from './top.ts';

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

type Run = (args: Arguments, environment: NodeJS.ProcessEnv, output: Output) => Promise<number> | number;

const runs: Readonly<Record<Arguments['command'], Run>> = {
  ...{ serve, check, tools, call, ps, top, logs, recycle, drain },
  schema: (_args, _environment, output) => {
    output.json(jsonSchema());
    return 0;
  },
};
