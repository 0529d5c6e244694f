import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { sdkSession } from './session.mjs';

/** An SDK client on the stdio side of a program that speaks HTTP on the other. */
export async function connectStdio(args, env = {}) {
  const client = new Client({ name: 'my-app', version: '1.0.0' });
  // Its own limit of 10 MiB would end the program at a bigger answer.
  const maxBufferSize = 64 * 1024 * 1024;
  const command = process.execPath;
  const transport = new StdioClientTransport({ command, args, env: { ...process.env, ...env }, maxBufferSize });
  await client.connect(transport);
  // This transport's client loses notifications that come in one chunk with their answer, whoever sent them
  // (typescript-sdk #2580). Not to blame the program for it, each message gets a turn of its own.
  const deliver = transport.onmessage;
  transport.onmessage = (message) => setImmediate(deliver, message);
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  return {
    ...sdkSession(client, result, (params, options) => client.callTool(params, undefined, options)),
    close: () => client.close(),
  };
}

/** For the check of progress. */
export const lostBySdk =
  'an SDK client on its stdio side can lose the last ones itself (typescript-sdk #2580); counted before that';
