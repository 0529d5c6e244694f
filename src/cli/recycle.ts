import { withBridge } from './admin-client.ts';
import type { Arguments } from './args.ts';
import type { Output } from './output.ts';

/** `gangway recycle NAME`: the running bridge replaces the containers of a server that stand ready. */
export function recycle(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const [name = ''] = args.operands;
  return withBridge(args, environment, output, async (bridge) => {
    const answer = await bridge.post(`/admin/recycle/${encodeURIComponent(name)}`);
    if (args.isJson) output.json(answer);
    else output.line(`${name}: new containers take the place of those that stand ready; those in use go on`);
    return 0;
  });
}
