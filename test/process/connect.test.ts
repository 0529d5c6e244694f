import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import { fixture, gangway, serve, temporaryFolder, writeConfig, type Finished } from '../support/program.ts';

jest.setTimeout(20_000);

const config = {
  // Nothing listens there.
  listen: { port: 1 },
  servers: { time: { image: 'docker.io/mcp/time' }, off: { image: 'x', env: { KEY: '${GANGWAY_TEST_UNSET}' } } },
};
const url = 'http://127.0.0.1:1/time/mcp';

/** Runs it in a folder, from a script. */
function connect(folder: string, ...words: string[]): Promise<Finished> {
  return gangway(['connect', ...words], { through: ['env', '--chdir', folder] });
}

describe('gangway connect', () => {
  it('lists the clients', async () => {
    const { code, stdout } = await gangway(['connect']);
    expect(code).toBe(0);
    const ids = stdout.split('\n').map((line) => line.split(' ')[0]);
    expect(ids).toEqual([
      ...['CLIENT', 'claude-code', 'claude-desktop', 'vscode', 'cursor', 'windsurf', 'zed', 'gemini'],
      ...['openai-agents', 'langchain', 'ai-sdk', 'curl'],
    ]);
  });

  it.each<[string, object]>([
    [
      'claude-desktop',
      { mcpServers: { time: { command: 'npx', args: ['-y', 'mcp-remote', url, '--transport', 'http-only'] } } },
    ],
    ['vscode', { servers: { time: { type: 'http', url } } }],
    ['cursor', { mcpServers: { time: { url } } }],
    ['windsurf', { mcpServers: { time: { serverUrl: url } } }],
    ['zed', { context_servers: { time: { url } } }],
    ['gemini', { mcpServers: { time: { httpUrl: url } } }],
  ])('prints what %s needs for the servers of the file that are on', async (client, settings) => {
    using folder = temporaryFolder();
    writeConfig(folder.path, config);
    const { code, stdout } = await connect(folder.path, client);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(settings);
  });

  it.each([
    ['claude-code', /^claude mcp add --transport http time http:\/\/127\.0\.0\.1:1\/time\/mcp$/],
    ['openai-agents', /new MCPServerStreamableHttp\(\{ name: 'time', url: 'http:\/\/127\.0\.0\.1:1\/time\/mcp' \}\)/],
    ['langchain', /'time': \{ transport: 'http', url: 'http:\/\/127\.0\.0\.1:1\/time\/mcp'/],
    ['ai-sdk', /createMCPClient/],
    ['curl', /^curl -sS http:\/\/127\.0\.0\.1:1\/time\/mcp -H/],
  ])('prints the words of %s', async (client, wanted) => {
    using folder = temporaryFolder();
    writeConfig(folder.path, config);
    expect((await connect(folder.path, client)).stdout).toMatch(wanted);
  });

  it.each([
    [['--all'], { gangway: { url: 'http://127.0.0.1:1/mcp' } }],
    [['both'], { both: { url: 'http://127.0.0.1:1/both/mcp' } }],
    [[], { time: { url } }],
  ])('prints %j of a file with a group', async (words, mcpServers) => {
    using folder = temporaryFolder();
    writeConfig(folder.path, { ...config, groups: { both: ['time', 'off'] } });
    expect(JSON.parse((await connect(folder.path, 'cursor', ...words)).stdout)).toEqual({ mcpServers });
  });

  it('has no endpoint for all servers where the file has none', async () => {
    using folder = temporaryFolder();
    writeConfig(folder.path, { ...config, all: false });
    const { code, stderr } = await connect(folder.path, 'cursor', '--all');
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'There is no endpoint for all servers: "all" is false' });
  });

  it('takes the address and the servers of a running bridge', async () => {
    const servers = { one: { command: fixture('well-behaved') }, two: { command: fixture('well-behaved') } };
    await using bridge = await serve({ servers, groups: { both: ['one', 'two'] } }, { args: ['--allow-process'] });
    const address = ['--host', '127.0.0.1', '--port', new URL(bridge.url).port];
    const printed = async (...words: string[]): Promise<unknown> =>
      JSON.parse((await gangway(['connect', 'cursor', ...words, ...address])).stdout);
    expect(await printed('two', 'both')).toEqual({
      mcpServers: { two: { url: `${bridge.url}/two/mcp` }, both: { url: `${bridge.url}/both/mcp` } },
    });
    expect(await printed('--all')).toEqual({ mcpServers: { gangway: { url: `${bridge.url}/mcp` } } });
  });

  it.each([
    [['emacs'], /unknown client "emacs", wanted claude-code, /],
    [['cursor', 'tiem'], /There is no server "tiem", wanted one of time, off/],
    [['windsurf', '--write'], /Cannot write for windsurf: it keeps this outside of the project/],
    [['cursor', '--all', 'time'], /got --all and time, wanted one of them/],
    [['cursor', '--write', '--print'], /got --print and --write/],
    [['cursor', '--write'], /this is no terminal; wanted --yes/],
  ])('refuses %j', async (words, why) => {
    using folder = temporaryFolder();
    writeConfig(folder.path, config);
    const { code, stderr } = await connect(folder.path, ...words);
    expect(code).toBe(2);
    expect(stderr).toMatch(why);
    expect(existsSync(`${folder.path}/.cursor`)).toBe(false);
  });

  it('shows the change and writes it with --write --yes, and the rest of the file stays', async () => {
    using folder = temporaryFolder();
    writeConfig(folder.path, config);
    mkdirSync(`${folder.path}/.vscode`);
    const file = `${folder.path}/.vscode/mcp.json`;
    writeFileSync(file, '{\n  // mine\n  "servers": {\n    "a": { "url": "x" }\n  }\n}\n');
    const { code, stdout } = await connect(folder.path, 'vscode', '--write', '--yes');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\+ {5}"time": \{$/m);
    expect(stdout).toContain('.vscode/mcp.json: written');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('// mine');
    expect(text).toContain(`"url": "${url}"`);
    expect((await connect(folder.path, 'vscode', '--write', '--yes')).stdout).toBe('.vscode/mcp.json: there already');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('shows the change and writes nothing with --dry-run', async () => {
    using folder = temporaryFolder();
    writeConfig(folder.path, config);
    const { code, stdout } = await connect(folder.path, 'claude-code', '--write', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toContain('+ {');
    expect(existsSync(`${folder.path}/.mcp.json`)).toBe(false);
  });

  it('prints JSON with --json', async () => {
    using folder = temporaryFolder();
    writeConfig(folder.path, config);
    const { stdout } = await connect(folder.path, 'cursor', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ client: 'cursor', servers: [{ name: 'time', url }] });
  });
});
