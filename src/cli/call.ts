import { BridgeError, messageOf } from '../base/errors.ts';
import type { Arguments } from './args.ts';
import type { Output } from './output.ts';
import { withServer } from './with-server.ts';

/** `gangway call NAME TOOL [JSON]`: starts the server, calls the tool, prints what it answers, removes it. */
export function call(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const [name = '', tool = '', json = '{}'] = args.operands;
  const toolArguments = parseObject(json);
  return withServer({ name }, args, environment, output, async (client, server) => {
    try {
      const result = await client.callTool({ name: tool, arguments: toolArguments }, undefined, {
        timeout: server.callTimeoutMs,
        maxTotalTimeout: server.maxCallTimeMs,
        resetTimeoutOnProgress: true,
        onprogress: ({ progress: done, total, message = '' }) => {
          output.complain(`  ${done}${total === undefined ? '' : `/${total}`} ${message}`);
        },
      });
      if (args.isJson) output.json(result);
      else printContent(result.content, output);
      return result.isError === true ? 1 : 0;
    } catch (error) {
      output.complain(`"${tool}" failed: ${messageOf(error)}`);
      return 1;
    }
  });
}

function parseObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new BridgeError('CONFIG_INVALID', `The tool’s arguments are not JSON: ${messageOf(error)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new BridgeError('CONFIG_INVALID', `The tool’s arguments are ${json}, wanted a JSON object such as '{"a": 1}'`);
}

function printContent(content: unknown, output: Output): void {
  for (const item of Array.isArray(content) ? (content as Record<string, unknown>[]) : []) {
    if (item['type'] === 'text') output.line(String(item['text']));
    else output.json(item);
  }
}
