import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { serversOfClient, type ClientServer } from '../../../src/cli/import/client-file.ts';
import { entryFrom, questionOf } from '../../../src/cli/import/entry.ts';
import { Variables } from '../../../src/cli/import/variables.ts';
import { withServer, type EntryText } from '../../../src/config/servers-file.ts';

const folder = fileURLToPath(new URL('../../fixtures/clients/', import.meta.url));

interface Read {
  readonly entries: Readonly<Record<string, unknown>>;
  readonly notes: Readonly<Record<string, readonly string[]>>;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** What becomes of the servers of a client's file; of one that is left out, the reason stands in for the entry. */
function read(file: string): Read {
  const absolute = path.join(folder, file);
  return readText(readFileSync(absolute, 'utf8'), absolute);
}

function readText(text: string, file = '/home/me/project/mcp.json', newest = new Map<string, string>()): Read {
  const variables = new Variables();
  const entries: Record<string, unknown> = {};
  const notes: Record<string, readonly string[]> = {};
  for (const server of serversOfClient(text, file)) {
    if ('why' in server) {
      entries[server.name] = server.why;
      continue;
    }
    try {
      const imported = entryFrom(server, variables, newest);
      entries[server.name] = imported.entry;
      notes[server.name] = imported.notes;
    } catch (error) {
      expect(error).toMatchObject({ name: 'LeftOut' });
      entries[server.name] = (error as Error).message;
    }
  }
  return { entries, notes, variables: Object.fromEntries(variables.all.map(({ name, value }) => [name, value])) };
}

const one = (entry: object): unknown => readText(JSON.stringify({ mcpServers: { it: entry } })).entries['it'];
const notesOf = (entry: object): readonly string[] | undefined =>
  readText(JSON.stringify({ mcpServers: { it: entry } })).notes['it'];

describe('entryFrom()', () => {
  it('reads what Claude Desktop has', () => {
    const { entries, notes, variables } = read('claude_desktop_config.json');
    expect(entries).toEqual({
      'Brave Search': { image: 'docker.io/mcp/brave-search', env: { BRAVE_API_KEY: '${BRAVE_API_KEY}' } },
      filesystem: {
        image: 'docker.io/mcp/filesystem:1.0',
        args: ['/projects'],
        network: 'none',
        mounts: [
          { from: '/srv/papers', to: '/projects/papers', readOnly: true },
          { from: 'notes', to: '/projects/notes' },
        ],
        resources: { memory: '256m', cpus: 0.5 },
      },
      'all-powerful': expect.stringMatching(/^-v .*docker\.sock is a socket/),
      everything: { package: 'npm:@modelcontextprotocol/server-everything@2026.8.31', args: ['stdio'] },
      linear: { url: 'https://mcp.example.com/mcp', headers: { Authorization: 'Bearer ${LINEAR_TOKEN}' } },
    });
    expect(notes['filesystem']).toEqual([
      'left out: -t; a terminal would mix into the messages',
      'left out: --name files; Gangway chooses it',
      'left out: -p 3000:3000; a server behind Gangway listens on no port',
    ]);
    expect(variables).toEqual({
      BRAVE_API_KEY: 'BSAexampleexampleexample01',
      LINEAR_TOKEN: 'lin_api_0123456789abcdef',
    });
  });

  it('reads what VS Code has, with its inputs', () => {
    const { entries, variables } = read('project/.vscode/mcp.json');
    expect(entries).toEqual({
      perplexity: {
        package: 'npm:server-perplexity-ask@0.1.3',
        env: { PERPLEXITY_API_KEY: '${PERPLEXITY_API_KEY}', LOG_LEVEL: 'debug' },
      },
      docs: {
        image: 'docker.io/mcp/filesystem',
        args: ['/docs'],
        mounts: [{ from: path.join(folder, 'project/docs'), to: '/docs', readOnly: true }],
      },
      github: {
        url: 'https://api.example.com/mcp/',
        headers: { Authorization: 'Bearer ${GITHUB_TOKEN}', 'X-Mode': 'read' },
      },
      old: expect.stringContaining('HTTP+SSE'),
    });
    expect(variables).toEqual({ PERPLEXITY_API_KEY: undefined, GITHUB_TOKEN: undefined });
  });

  it('reads what Cursor has', () => {
    const { entries, notes, variables } = read('cursor-mcp.json');
    expect(entries).toEqual({
      git: {
        package: 'pypi:mcp-server-git@2026.1.14',
        args: ['--repository', path.resolve(folder)],
        env: { GIT_TOKEN: '${GIT_TOKEN}' },
      },
      notes: { command: ['node', './notes/server.js'], env: { MODE: 'dev' } },
      search: { url: 'https://search.example.com/mcp', headers: { 'X-API-Key': '${SEARCH_X_API_KEY}' } },
    });
    const unseen = `it runs in a container, which does not see ${path.resolve(folder)} of this host: see mounts`;
    expect(notes['git']).toEqual([unseen]);
    expect(notes['notes']).toEqual(['a plain process of this host: it needs --allow-process']);
    expect(variables).toEqual({ GIT_TOKEN: undefined, SEARCH_X_API_KEY: '0123456789abcdef0123456789' });
  });

  it('reads what Claude Code has, with references and their defaults', () => {
    const { entries } = read('claude-code.mcp.json');
    expect(entries).toEqual({
      postgres: {
        image: 'docker.io/crystaldba/postgres-mcp',
        args: ['--access-mode=restricted'],
        env: { DATABASE_URI: '${DATABASE_URI:-postgresql://localhost/app}' },
      },
      sentry: { url: 'https://sentry.example.com/mcp', headers: { 'X-Key': '${SENTRY_KEY}' } },
    });
  });

  it('reads what Windsurf has', () => {
    const { entries, notes, variables } = read('windsurf-mcp_config.json');
    expect(entries).toEqual({
      figma: { url: 'https://figma.example.com/mcp', headers: { Authorization: 'Bearer ${FIGMA_TOKEN}' } },
      slack: {
        package: 'npm:@example/server-slack@1.4.0',
        env: { SLACK_BOT_TOKEN: '${SLACK_BOT_TOKEN}' },
        tools: { deny: ['post'] },
      },
      paused: 'its client has it switched off',
    });
    expect(notes['slack']).toEqual([]);
    expect(variables).toEqual({ FIGMA_TOKEN: undefined, SLACK_BOT_TOKEN: 'xoxb-0123456789-abcdef' });
  });

  it('reads what Zed has, now and before', () => {
    const { entries, variables } = read('zed-settings.json');
    expect(entries).toEqual({
      time: { image: 'docker.io/mcp/time' },
      older: 'mcp-server-fetch has no version, wanted an exact one: gangway add pypi:mcp-server-fetch@1.2.3',
      remote: { url: 'https://remote.example.com/mcp', headers: { Authorization: 'Bearer ${REMOTE_TOKEN}' } },
      extension: 'its entry has neither a command nor a URL',
    });
    expect(variables).toEqual({ REMOTE_TOKEN: '0123456789' });
  });

  it('reads what Gemini CLI has', () => {
    const { entries, notes } = read('gemini-settings.json');
    expect(entries).toEqual({
      python: { command: ['python', '-m', 'my_mcp_server'], env: { API_KEY: '${MY_API_TOKEN}' } },
      web: { url: 'http://localhost:3000/mcp', tools: { allow: ['search'] } },
      events: expect.stringContaining('HTTP+SSE'),
    });
    expect(notes['python']).toEqual([
      'a plain process of this host: it needs --allow-process',
      'left out: cwd ./mcp-servers/python; it runs in the folder of servers.yaml',
      'left out, for its client alone: timeout',
    ]);
    expect(notes['web']).toEqual(['left out, for its client alone: trust']);
  });

  it.each<[string, readonly string[], string]>([
    ['all rights', ['--privileged', 'x'], '--privileged would give it every right'],
    ['the process table of the host', ['--pid', 'host', 'x'], '--pid host would let it into the host’s own'],
    ['the network of the host', ['--network=host', 'x'], '--network host would let it into'],
    ['the root of the host', ['-v', '/:/host', 'x'], '-v /:/host gives the server'],
    ['a system folder', ['--mount', 'type=bind,src=/etc,dst=/e', 'x'], '--mount /etc:/e gives the server /etc'],
    ['its home', ['-v', '~:/home', 'x'], '-v ~:/home gives the server'],
    ['a device', ['--device', '/dev/kvm', 'x'], '--device /dev/kvm would give it a device'],
    ['a capability', ['--cap-add=NET_ADMIN', 'x'], '--cap-add NET_ADMIN would give it a capability'],
    ['no seccomp', ['--security-opt', 'seccomp=unconfined', 'x'], 'would take the sandbox away'],
    ['another program', ['--entrypoint', 'sh', 'x'], '--entrypoint sh starts another program'],
    ['a flag that nobody knows', ['--frob', 'x'], 'does not know --frob'],
    ['a letter that nobody knows', ['-iz', 'x'], 'does not know -z'],
    ['a flag without its value', ['-i', '--env'], '--env stands at the end'],
    ['no image', ['-i', '--rm'], 'names no image'],
  ])('refuses a container with %s', (_, words, why) => {
    expect(one({ command: 'docker', args: ['run', ...words] })).toContain(why);
  });

  it.each<[readonly string[], object]>([
    [['-ie', 'MODE=a b', 'x'], { image: 'docker.io/library/x', env: { MODE: 'a b' } }],
    [['-eMODE=fast', '-i', 'x'], { image: 'docker.io/library/x', env: { MODE: 'fast' } }],
    [['-e', 'MODE', 'x'], { image: 'docker.io/library/x', env: { MODE: '${MODE}' } }],
    [['--user', '1000:1000', 'x'], { image: 'docker.io/library/x', user: '1000:1000' }],
    [['-m', '536870912', 'x'], { image: 'docker.io/library/x', resources: { memory: '536870912b' } }],
    [['--pids-limit=50', 'x'], { image: 'docker.io/library/x', resources: { pids: 50 } }],
    [['--pull', 'always', 'x'], { image: 'docker.io/library/x', pull: 'always' }],
    [['--init=false', '--net=none', 'x'], { image: 'docker.io/library/x', network: 'none' }],
    [
      ['-v', './data:/data:ro,Z', 'x'],
      { image: 'docker.io/library/x', mounts: [{ from: '/home/me/project/data', to: '/data', readOnly: true }] },
    ],
    [
      ['-v', '$HOME/papers:/p', 'x'],
      { image: 'docker.io/library/x', mounts: [{ from: `${homedir()}/papers`, to: '/p' }] },
    ],
    [['--', 'x', '--flag'], { image: 'docker.io/library/x', args: ['--flag'] }],
    [['-e', 'SHELL_CODE=a$$b${c', 'x'], { image: 'docker.io/library/x', env: { SHELL_CODE: 'a$$$$b$${c' } }],
    [['-e', 'DATABASE=file:./x.db', 'x'], { image: 'docker.io/library/x', env: { DATABASE: '${DATABASE}' } }],
  ])('reads docker run %j', (words, entry) => {
    expect(one({ command: 'docker', args: ['run', ...words] })).toEqual(entry);
  });

  it.each([
    ['docker', 'mcp/time', 'docker.io/mcp/time'],
    ['docker', 'time:1.2', 'docker.io/library/time:1.2'],
    ['docker', 'localhost/time', 'localhost/time'],
    ['docker', 'a.example:5000/x/time', 'a.example:5000/x/time'],
    ['podman', 'mcp/time', 'mcp/time'],
  ])('names the registry as %s does: %s', (command, image, full) => {
    expect(one({ command, args: ['run', '-i', image] })).toEqual({ image: full });
  });

  it.each<[string, readonly string[], object]>([
    ['cmd', ['/c', 'npx', '-y', 'a-server@1.0.0'], { package: 'npm:a-server@1.0.0' }],
    ['npx', ['--yes', '@scope/a@1.0.0-beta.1', '--', '-v'], { package: 'npm:@scope/a@1.0.0-beta.1', args: ['-v'] }],
    ['pnpm', ['dlx', 'a@2.0.0'], { package: 'npm:a@2.0.0' }],
    ['uv', ['tool', 'run', 'a@1.1'], { package: 'pypi:a@1.1' }],
    ['npx', ['-y', '-p', 'a@1.0.0', 'b', '-x'], { package: { npm: 'a@1.0.0', bin: 'b' }, args: ['-x'] }],
    ['npx', ['--package=@me/a@1.0.0', 'a'], { package: 'npm:@me/a@1.0.0' }],
    ['uvx', ['--from', 'a==1.1', 'b'], { package: { pypi: 'a@1.1', bin: 'b' } }],
    ['npx', ['github:me/a'], { command: ['npx', 'github:me/a'] }],
    [
      'uvx',
      ['--from', 'git+https://example.com/a', 'a'],
      { command: ['uvx', '--from', 'git+https://example.com/a', 'a'] },
    ],
    ['npx -y a-server@1.0.0 --flag "a b"', [], { package: 'npm:a-server@1.0.0', args: ['--flag', 'a b'] }],
  ])('reads %s %j', (command, args, entry) => {
    expect(one({ command, args })).toEqual(entry);
  });

  it.each<[readonly string[], readonly [string, string], string]>([
    [['-y', 'a'], ['a', '1.2.3'], 'npm:a@1.2.3'],
    [['-y', '@scope/a@latest', 'x'], ['@scope/a@latest', '2.0.0-rc.1'], 'npm:@scope/a@2.0.0-rc.1'],
  ])('writes the newest version of npx %j', (args, found, written) => {
    const text = JSON.stringify({ mcpServers: { it: { command: 'npx', args } } });
    const { entries, notes } = readText(text, 'mcp.json', new Map([found]));
    expect(entries['it']).toMatchObject({ package: written });
    expect(notes['it']).toEqual([`it names no exact version: ${found[1]} is the newest one now`]);
  });

  it('starts a file beside the settings from where it is', () => {
    const mcpServers = { it: { command: 'node', args: ['./zed-settings.json', './nowhere.js'] } };
    const { entries } = readText(JSON.stringify({ mcpServers }), path.join(folder, 'mcp.json'));
    expect(entries['it']).toEqual({ command: ['node', path.join(folder, 'zed-settings.json'), './nowhere.js'] });
  });

  it.each<[readonly string[], readonly string[]]>([
    [
      ['--api-key', 'sk-0123456789abcdef'],
      ['--api-key', '${API_KEY:-}'],
    ],
    [['--token=abcdef'], ['--token=${TOKEN:-}']],
    [['ghp_0123456789abcdef'], ['${ARGUMENT:-}']],
    [
      ['--header', 'Authorization: Bearer abc'],
      ['--header', 'Authorization: Bearer ${AUTHORIZATION:-}'],
    ],
    [['--header=X-Api-Key:abc'], ['--header=X-Api-Key:${X_API_KEY:-}']],
    [['API_KEY=abc'], ['API_KEY=${API_KEY:-}']],
    [
      ['--url=https://a.example/?api_key=abc', 'https://me:pass@b.example/x'],
      ['--url=https://a.example/?api_key=${IT_API_KEY:-}', 'https://${IT_LOGIN:-}@b.example/x'],
    ],
    [
      ['--mode=a=b', 'https://a.example/?x=1', 'C:/data', 'note: this', '--x='],
      ['--mode=a=b', 'https://a.example/?x=1', 'C:/data', 'note: this', '--x='],
    ],
    [
      ['--port', '8080', '--key-file', '/k'],
      ['--port', '8080', '--key-file', '/k'],
    ],
  ])('takes secrets out of the arguments %j', (args, safe) => {
    expect(one({ command: 'npx', args: ['a@1.0.0', ...args] })).toEqual({ package: 'npm:a@1.0.0', args: safe });
  });

  it('prints no value of a flag that may be a secret', () => {
    const flags = ['--log-opt', 'splunk-token=abc', '--label', 'ghp_0123456789abcdef', '-h', 'box'];
    expect(notesOf({ command: 'docker', args: ['run', ...flags, 'x'] })).toEqual([
      'left out: --log-opt …; Gangway chooses it',
      'left out: --label …; Gangway chooses it',
      'left out: -h box; Gangway chooses it',
    ]);
  });

  it('takes secrets out of a URL', () => {
    expect(one({ type: 'http', url: 'https://me:pass@example.com/mcp?api_key=abc&mode=x' })).toEqual({
      url: 'https://${IT_LOGIN:-}@example.com/mcp?api_key=${IT_API_KEY:-}&mode=x',
    });
  });

  it('gives two values of one name two names', () => {
    const server = (key: string): object => ({ command: 'npx', args: ['a@1.0.0'], env: { API_KEY: key } });
    const mcpServers = { one: server('secret-one'), two: server('secret-two'), three: server('secret-one') };
    expect(readText(JSON.stringify({ mcpServers }))).toMatchObject({
      entries: {
        one: { env: { API_KEY: '${API_KEY}' } },
        two: { env: { API_KEY: '${TWO_API_KEY}' } },
        three: { env: { API_KEY: '${API_KEY}' } },
      },
      variables: { API_KEY: 'secret-one', TWO_API_KEY: 'secret-two' },
    });
  });

  it('leaves the value of a placeholder open', () => {
    const mcpServers = { it: { command: 'npx', args: ['a@1.0.0'], env: { API_KEY: '<your key>' } } };
    expect(readText(JSON.stringify({ mcpServers })).variables).toEqual({ API_KEY: undefined });
  });

  it('leaves out what only its client can fill in', () => {
    expect(one({ command: 'node', args: ['${config:server.path}'] })).toBe(
      'only its client can fill in ${config:server.path}',
    );
  });

  it.each([
    [{ command: 'docker', args: ['mcp', 'gateway', 'run'] }, 'it starts "docker mcp"'],
    [{ command: 'npx', args: ['mcp-remote', 'https://a.example/sse', '--transport', 'sse-only'] }, 'HTTP+SSE'],
    [{ type: 'http', url: 'unix:///tmp/a.sock' }, 'its URL is unix:'],
    [{ command: 'npx', args: ['-y', 'a'] }, 'a has no version, wanted an exact one: gangway add npm:a@1.2.3'],
    [{ command: 'npx', args: ['a@latest'] }, 'a has version "latest", wanted an exact one'],
    [{ command: 5 }, 'cannot read command'],
    [[], 'cannot read its entry: '],
    [{ command: 'npx', args: ['a@1.0.0'], includeTools: [] }, 'its client has none of its tools'],
    [{ command: 'npx', args: ['a@1.0.0'], tools: 'read' }, 'cannot read tools'],
  ])('leaves out %j', (entry, why) => {
    expect(one(entry)).toContain(why);
  });

  it.each<[object, object | undefined]>([
    [
      { includeTools: ['read(path)', 'list'], excludeTools: ['list'] },
      { allow: ['read', 'list'], deny: ['list'] },
    ],
    [{ tools: ['*'], disabledTools: [] }, undefined],
    [{ tools: ['read'] }, { allow: ['read'] }],
  ])('takes over which tools a client has: %j', (lists, tools) => {
    const entry = one({ command: 'npx', args: ['a@1.0.0'], ...lists });
    expect(entry).toEqual({ package: 'npm:a@1.0.0', ...(tools && { tools }) });
  });

  it('makes no rule of what a client does without asking', () => {
    const server = { command: 'npx', args: ['a@1.0.0'], alwaysAllow: ['read'], autoApprove: ['list'] };
    expect(one(server)).toEqual({ package: 'npm:a@1.0.0' });
    expect(notesOf(server)).toEqual(['left out, for its client alone: alwaysAllow, autoApprove']);
  });

  it('writes the tools of a client like the rest of its entry', () => {
    const entry = one({
      url: 'https://a.example/mcp',
      type: 'http',
      includeTools: ['read'],
      excludeTools: ['*x', 'y'],
    });
    expect(withServer('', 'it', entry as object as EntryText)).toBe(
      "servers:\n  it:\n    url: https://a.example/mcp\n    tools:\n      allow: [read]\n      deny: ['*x', y]\n",
    );
  });

  it('says that a client may take a URL for something older', () => {
    expect(notesOf({ url: 'https://a.example/mcp' })).toEqual([expect.stringContaining('gangway check')]);
  });
});

describe('questionOf()', () => {
  it.each<[object, string | undefined]>([
    [{ command: 'npx', args: ['-y', '@scope/a'] }, '@scope/a'],
    [{ command: 'cmd', args: ['/c', 'npx', 'a@next'] }, 'a@next'],
    [{ command: 'npx', args: ['a@1.0.0'] }, undefined],
    [{ command: 'npx', args: ['a@^1.0.0'] }, undefined],
    [{ command: 'npx', args: ['-y', 'mcp-remote', 'https://a.example/mcp'] }, undefined],
    [{ command: 'npx', args: ['a'], disabled: true }, undefined],
    [{ command: 'npx', args: ['--registry=https://a.example', 'a'] }, undefined],
    [{ command: 'uvx', args: ['a'] }, undefined],
    [{ url: 'https://a.example/mcp' }, undefined],
  ])('says what npm has to be asked for %j', (entry, question) => {
    const [server] = serversOfClient(JSON.stringify({ mcpServers: { it: entry } }), 'mcp.json');
    expect(questionOf(server as ClientServer)).toBe(question);
  });
});

describe('serversOfClient()', () => {
  it('takes comments, trailing commas and a byte order mark', () => {
    const text = '\uFEFF{ // all of them\n "mcpServers": { "a": { "command": "npx", "args": ["a@1.0.0",], }, }, }';
    expect(readText(text).entries).toEqual({ a: { package: 'npm:a@1.0.0' } });
  });

  it.each([
    ['{ "mcpServers": {', /^x\.json:1:18: not valid JSON: close brace expected$/],
    ['{ "mcpServers": ', /^x\.json:1:\d+: not valid JSON/],
    ['{ "theme": "dark" }', /^x\.json: has no MCP servers, wanted "mcpServers"/],
    ['[]', /has no MCP servers/],
    ['', /not valid JSON|has no MCP servers/],
  ])('refuses %j', (text, why) => {
    expect(() => serversOfClient(text, 'x.json')).toThrow(why);
  });

  it('reads the settings.json of an older VS Code', () => {
    const text = '{ "mcp": { "servers": { "a": { "command": "npx", "args": ["a@1.0.0"] } } } }';
    expect(readText(text).entries).toEqual({ a: { package: 'npm:a@1.0.0' } });
  });
});
