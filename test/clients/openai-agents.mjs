// snippet
import { MCPServerStreamableHttp } from '@openai/agents';
// end
import { textOf } from './session.mjs';

export async function connect(url) {
  // snippet
  const server = new MCPServerStreamableHttp({ url });
  await server.connect();
  const result = await server.callToolResult('echo', { text: 'hello' });
  // end
  return {
    first: textOf(result),
    listTools: async () => (await server.listTools()).map(({ name }) => name),
    callTool: async (name, args) => {
      const answer = await server.callToolResult(name, args);
      return { text: textOf(answer), isError: answer.isError === true };
    },
    close: async () => {
      // snippet
      await server.close();
      // end
    },
  };
}

export const notOffered = { progress: 'no callback for progress' };
