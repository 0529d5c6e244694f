import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectStdio } from './stdio.mjs';

export { lostBySdk as progressNote } from './stdio.mjs';

const program = fileURLToPath(import.meta.resolve('mcp-remote/dist/proxy.js'));

export const usage = `For a program that starts its servers over stdio, such as Claude Desktop:

\`\`\`json
{
  "mcpServers": {
    "NAME": { "command": "npx", "args": ["-y", "mcp-remote", "http://127.0.0.1:8808/NAME/mcp", "--transport", "http-only"] }
  }
}
\`\`\``;

export function connect(url) {
  const folder = path.join(process.env.CLIENT_FOLDER ?? tmpdir(), 'mcp-remote');
  return connectStdio([program, url, '--transport', 'http-only'], { MCP_REMOTE_CONFIG_DIR: folder });
}
