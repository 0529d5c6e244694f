// snippet
import { createMCPClient } from '@ai-sdk/mcp';
// end
import { textOf } from './session.mjs';

export async function connect(url) {
  // snippet
  const client = await createMCPClient({ transport: { type: 'http', url } });
  const tools = await client.tools();
  const result = await tools.echo.execute({ text: 'hello' }, { messages: [], toolCallId: 'call-1' });
  // end
  return {
    first: textOf(result),
    listTools: async () => Object.keys(await client.tools()),
    callTool: async (name, args) => {
      const answer = await tools[name].execute(args, { messages: [], toolCallId: 'call' });
      return { text: textOf(answer), isError: answer.isError === true };
    },
    close: async () => {
      // snippet
      await client.close();
      // end
    },
  };
}

export const notOffered = { progress: 'no callback for progress; a call never carries a token' };
