// snippet
import { MCPClient } from '@mastra/mcp';
// end
import { textOf } from './session.mjs';

export async function connect(url) {
  let onProgress;
  const showProgress = (progress) => onProgress?.(progress);
  // snippet
  const client = new MCPClient({
    servers: { gangway: { url: new URL(url), enableProgressTracking: true } },
  });
  const tools = await client.listTools();
  await client.progress.onUpdate('gangway', ({ progress }) => showProgress(progress));
  const result = await tools.gangway_echo.execute({ text: 'hello' });
  // end
  return {
    first: textOf(result),
    listTools: async () => Object.keys(await client.listTools()).map((name) => name.replace(/^gangway_/, '')),
    callTool: async (name, args, progressed) => {
      onProgress = progressed;
      const answer = await tools[`gangway_${name}`].execute(args);
      return { text: textOf(answer), isError: answer.isError === true };
    },
    close: async () => {
      // snippet
      await client.disconnect();
      // end
    },
  };
}
