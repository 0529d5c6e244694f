// snippet
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
// end

export async function connect(url) {
  let onProgress;
  const showProgress = (progress) => onProgress?.(progress);
  // snippet
  const client = new MultiServerMCPClient({
    mcpServers: { gangway: { transport: 'http', url, automaticSSEFallback: false } },
    onProgress: ({ progress }) => showProgress(progress),
  });
  const tools = await client.getTools();
  const result = await tools.find(({ name }) => name === 'echo').invoke({ text: 'hello' });
  // end
  return {
    first: result,
    listTools: async () => (await client.getTools()).map(({ name }) => name),
    callTool: async (name, args, progressed) => {
      onProgress = progressed;
      const tool = tools.find((each) => each.name === name);
      return { text: await tool.invoke(args), isError: false };
    },
    close: async () => {
      // snippet
      await client.close();
      // end
    },
  };
}
