import { z } from 'zod';
import { BridgeError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { describeEnd } from '../service/server-logs.ts';
import { withBridge, type AdminClient } from './admin-client.ts';
import type { Arguments } from './args.ts';
import type { Output } from './output.ts';

const answerSchema = z.object({
  containers: z.array(
    z.object({
      container: z.string(),
      state: z.string(),
      exitCode: z.number().optional(),
      signal: z.string().optional(),
      lines: z.array(z.string()),
    }),
  ),
});

/** `gangway logs NAME`: what the containers of a server wrote to stderr, the live ones and the last few that ended. */
export function logs(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const { operands, lines, isFollow, isJson } = args;
  if (isFollow && isJson) throw new BridgeError('CONFIG_INVALID', 'got --follow and --json, wanted one of them');
  const path = `/admin/logs/${encodeURIComponent(operands[0] ?? '')}?lines=${lines}`;
  return withBridge(args, environment, output, (bridge) =>
    isFollow ? follow(bridge, path, output) : show(bridge, path, isJson, output),
  );
}

async function show(bridge: AdminClient, path: string, isJson: boolean, output: Output): Promise<number> {
  const answer = await bridge.get(path);
  if (isJson) {
    output.json(answer);
    return 0;
  }
  // The same text as with --follow.
  for (const { container, state, lines, ...end } of answerSchema.parse(answer).containers) {
    for (const line of lines) output.line(printable(`${container} | ${line}`));
    if (state === 'ended') output.line(printable(`${container} * ${describeEnd(end)}`));
  }
  return 0;
}

async function follow(bridge: AdminClient, path: string, output: Output): Promise<number> {
  const gone = new AbortController();
  // Whoever read it has left: `gangway logs NAME --follow | head`.
  process.stdout.once('error', () => {
    gone.abort();
  });
  await bridge.stream(
    `${path}&follow=1`,
    (text) => {
      output.write(text);
    },
    gone.signal,
  );
  return 0;
}
