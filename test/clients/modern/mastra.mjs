import { MCPClient } from '@mastra/mcp';
import { textOf } from '../session.mjs';

export async function connect(url, answer) {
  let onProgress;
  const inputRequests = ({ params }) => Promise.resolve(answer(params.message));
  const client = new MCPClient({
    servers: { gangway: { url: new URL(url), enableProgressTracking: true, inputRequests } },
  });
  const tools = await client.listTools();
  await client.progress.onUpdate('gangway', ({ progress }) => onProgress?.(progress));
  return {
    listTools: async () => Object.keys(await client.listTools()).map((name) => name.replace(/^gangway_/, '')),
    callTool: async (name, args, progressed) => {
      onProgress = progressed;
      const result = await tools[`gangway_${name}`].execute(args);
      return { text: textOf(result), isError: result.isError === true };
    },
    abortTool: (name, abortSignal) => tools[`gangway_${name}`].execute({}, { abortSignal }),
    listen: (onChange) => client.tools.onListChanged('gangway', onChange),
    close: () => client.disconnect(),
  };
}
