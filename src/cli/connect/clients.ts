import { isLoopback } from '../../config/loopback.ts';

/** A server as a client reaches it. */
export interface Target {
  readonly name: string;
  readonly url: string;
}

/** A program that speaks MCP over HTTP, or is made to. */
export interface ClientKind {
  readonly id: string;
  readonly title: string;
  /** Where its settings are, for people. */
  readonly place: string;
  /** Its settings, when they are JSON. */
  readonly settings?: {
    /** In the folder of a project; undefined when it has them for the whole user only. */
    readonly projectFile: string | undefined;
    readonly root: string;
    readonly entry: (target: Target) => object;
  };
  /** What is typed, or written into a program; its settings, when this is not there. */
  readonly code?: (targets: readonly Target[]) => string;
}

/** The clients that `gangway connect` knows; `docs/clients.md` says what was tested with each. */
export const clients: readonly ClientKind[] = [
  {
    ...{ id: 'claude-code', title: 'Claude Code', place: 'a command; or .mcp.json of the project' },
    settings: {
      projectFile: '.mcp.json',
      root: 'mcpServers',
      entry: ({ url }) => ({ type: 'http', url }),
    },
    code: (targets) => targets.map(({ name, url }) => `claude mcp add --transport http ${name} ${url}`).join('\n'),
  },
  {
    ...{ id: 'claude-desktop', title: 'Claude Desktop, through mcp-remote' },
    place: 'claude_desktop_config.json (Settings, Developer, Edit Config)',
    settings: {
      projectFile: undefined,
      root: 'mcpServers',
      entry: ({ url }) => ({
        command: 'npx',
        args: ['-y', 'mcp-remote', url, '--transport', 'http-only', ...plain(url)],
      }),
    },
  },
  {
    ...{ id: 'vscode', title: 'VS Code', place: '.vscode/mcp.json' },
    settings: { projectFile: '.vscode/mcp.json', root: 'servers', entry: ({ url }) => ({ type: 'http', url }) },
  },
  {
    ...{ id: 'cursor', title: 'Cursor', place: '.cursor/mcp.json, or ~/.cursor/mcp.json' },
    settings: { projectFile: '.cursor/mcp.json', root: 'mcpServers', entry: ({ url }) => ({ url }) },
  },
  {
    ...{ id: 'windsurf', title: 'Windsurf', place: '~/.codeium/windsurf/mcp_config.json' },
    settings: { projectFile: undefined, root: 'mcpServers', entry: ({ url }) => ({ serverUrl: url }) },
  },
  {
    ...{ id: 'zed', title: 'Zed', place: '.zed/settings.json, or ~/.config/zed/settings.json' },
    settings: { projectFile: '.zed/settings.json', root: 'context_servers', entry: ({ url }) => ({ url }) },
  },
  {
    ...{ id: 'gemini', title: 'Gemini CLI', place: '.gemini/settings.json, or ~/.gemini/settings.json' },
    settings: { projectFile: '.gemini/settings.json', root: 'mcpServers', entry: ({ url }) => ({ httpUrl: url }) },
  },
  {
    ...{ id: 'openai-agents', title: 'OpenAI Agents SDK', place: 'a program, @openai/agents', code: openaiAgents },
  },
  { ...{ id: 'langchain', title: 'LangChain', place: 'a program, @langchain/mcp-adapters', code: langchain } },
  { ...{ id: 'ai-sdk', title: 'AI SDK', place: 'a program, @ai-sdk/mcp', code: aiSdk } },
  { ...{ id: 'curl', title: 'curl', place: 'a shell', code: curl } },
];

/** `mcp-remote` refuses plain HTTP to other machines unless told. */
function plain(url: string): readonly string[] {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')) ? ['--allow-http'] : [];
}

function openaiAgents(targets: readonly Target[]): string {
  const servers = targets.map(({ name, url }) => `  new MCPServerStreamableHttp({ name: '${name}', url: '${url}' }),`);
  return `import { Agent, MCPServerStreamableHttp, run } from '@openai/agents';

const mcpServers = [
${servers.join('\n')}
];
for (const server of mcpServers) await server.connect();
const agent = new Agent({ name: 'Assistant', mcpServers });
const { finalOutput } = await run(agent, 'What can you do?');
for (const server of mcpServers) await server.close();`;
}

function langchain(targets: readonly Target[]): string {
  const servers = targets.map(
    ({ name, url }) => `    '${name}': { transport: 'http', url: '${url}', automaticSSEFallback: false },`,
  );
  return `import { MultiServerMCPClient } from '@langchain/mcp-adapters';

const client = new MultiServerMCPClient({
  mcpServers: {
${servers.join('\n')}
  },
});
const tools = await client.getTools();`;
}

function aiSdk(targets: readonly Target[]): string {
  const urls = targets.map(({ url }) => `  '${url}',`);
  return `import { createMCPClient } from '@ai-sdk/mcp';

const urls = [
${urls.join('\n')}
];
const clients = await Promise.all(urls.map((url) => createMCPClient({ transport: { type: 'http', url } })));
const tools = Object.assign({}, ...(await Promise.all(clients.map((client) => client.tools()))));`;
}

function curl(targets: readonly Target[]): string {
  const hello = {
    ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'curl', version: '1' } },
  };
  return targets
    .map(
      ({ url }) => `curl -sS ${url} -H 'Content-Type: application/json' \\
  -H 'Accept: application/json, text/event-stream' -d '${JSON.stringify(hello)}'`,
    )
    .join('\n\n');
}
