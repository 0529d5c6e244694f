import { createMCPClient, ElicitationRequestSchema } from '@ai-sdk/mcp';
import { textOf } from '../session.mjs';

export async function connect(url, answer) {
  const client = await createMCPClient({ transport: { type: 'http', url }, capabilities: { elicitation: {} } });
  client.onElicitationRequest(ElicitationRequestSchema, ({ params }) => answer(params.message));
  const tools = await client.tools();
  const call = (name, args, options = {}) =>
    tools[name].execute(args, { messages: [], toolCallId: 'call', ...options });
  return {
    listTools: async () => Object.keys(await client.tools()),
    callTool: async (name, args) => {
      const result = await call(name, args);
      return { text: textOf(result), isError: result.isError === true };
    },
    abortTool: (name, abortSignal) => call(name, {}, { abortSignal }),
    close: () => client.close(),
  };
}

export const notOffered = {
  progress: 'no callback for progress; a call never carries a token',
  listen: 'no means to hear of changes',
};
