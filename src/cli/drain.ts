import { withBridge } from './admin-client.ts';
import type { Arguments } from './args.ts';
import type { Output } from './output.ts';

/** `gangway drain`: the running bridge ends as on SIGTERM. Returns at once. */
export function drain(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  return withBridge(args, environment, output, async (bridge) => {
    const answer = await bridge.post('/admin/drain');
    if (args.isJson) output.json(answer);
    else output.line(`Gangway at ${bridge.url} takes no new session and ends with its last call, within 25 s`);
    return 0;
  });
}
