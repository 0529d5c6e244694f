// The client of SDK 2.x with its mode 'auto' on the server "everything": `node modern-everything.mjs URL` prints as JSON
// what it speaks, the answer to a call, what the server asked, and what it made of the answer.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { textOf } from './session.mjs';

const options = { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: { form: {} } } };
const client = new Client({ name: 'my-app', version: '1.0.0' }, options);
const asked = [];
client.setRequestHandler('elicitation/create', ({ params }) => {
  asked.push(params.message);
  return { action: 'accept', content: { name: 'Ada' } };
});
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const sum = textOf(await client.callTool({ name: 'get-sum', arguments: { a: 40, b: 2 } }));
const { content } = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
const revision = client.getNegotiatedProtocolVersion();
await client.close();
process.stdout.write(JSON.stringify({ revision, sum, asked, answers: content.map(({ text }) => text) }));
