import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';
import { gangway, temporaryFolder, writeConfig } from '../support/program.ts';

jest.setTimeout(20_000);

const clients = fileURLToPath(new URL('../fixtures/clients/', import.meta.url));
const desktop = `${clients}claude_desktop_config.json`;
const secrets = ['BSAexampleexampleexample01', 'lin_api_0123456789abcdef'];

describe('gangway import', () => {
  it('writes what it can, says what it did with each, and shows no secret', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(
      folder.path,
      '# mine\nservers:\n  filesystem: { image: docker.io/mcp/filesystem } # there\ngroups: { linear: [filesystem] }\n',
    );
    const { code, stdout, stderr } = await gangway(['import', desktop, '--config', file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# mine\nservers:\n {2}filesystem: \{ image: docker\.io\/mcp\/filesystem \} # there\n/);
    expect(text).toContain(
      '  brave-search:\n    image: docker.io/mcp/brave-search\n    env:\n      BRAVE_API_KEY: ${BRAVE_API_KEY}\n',
    );
    expect(text).toContain('  filesystem-2:\n');
    expect(text).toContain('  linear-2:\n');
    expect(stdout).toMatch(
      /^Brave Search +claude_desktop_config\.json +renamed +brave-search +image: docker\.io\/mcp\/brave-search$/m,
    );
    expect(stdout).toMatch(/^filesystem +claude_desktop_config\.json +renamed +filesystem-2 /m);
    expect(stdout).toMatch(/^all-powerful +claude_desktop_config\.json +left out$/m);
    expect(stdout).toMatch(/^ {2}all-powerful: -v \/var\/run\/docker\.sock.* is a socket/m);
    expect(stdout).toMatch(/^BRAVE_API_KEY=$/m);
    for (const secret of secrets) expect(text + stdout).not.toContain(secret);
  });

  it('writes the secrets into a file of their own, once', async () => {
    using folder = temporaryFolder();
    const [file, env] = [writeConfig(folder.path, 'servers: {}\n'), `${folder.path}/secrets.env`];
    const command = ['import', desktop, '--config', file, '--secrets', env];
    expect((await gangway(command)).code).toBe(0);
    expect(readFileSync(env, 'utf8')).toMatch(/^BRAVE_API_KEY=BSAexampleexampleexample01$/m);
    expect(statSync(env).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'servers: {}\n');
    const again = await gangway(command);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('it is there already') });
    expect(readFileSync(file, 'utf8')).toBe('servers: {}\n');
  });

  it('adds nothing a second time', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, 'servers: {}\n');
    await gangway(['import', desktop, '--config', file]);
    const text = readFileSync(file, 'utf8');
    const { code, stdout } = await gangway(['import', desktop, '--config', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Brave Search .* there already +brave-search /m);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('writes nothing with --dry-run, and prints JSON with --json', async () => {
    using folder = temporaryFolder();
    const file = `${folder.path}/servers.yaml`;
    const { code, stdout } = await gangway([
      'import',
      desktop,
      `${clients}zed-settings.json`,
      '-c',
      file,
      '--dry-run',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(existsSync(file)).toBe(false);
    expect(JSON.parse(stdout)).toMatchObject({
      isWritten: false,
      servers: expect.arrayContaining([
        expect.objectContaining({
          from: 'time',
          file: 'zed-settings.json',
          result: 'added',
          entry: { image: 'docker.io/mcp/time' },
        }),
        expect.objectContaining({ from: 'all-powerful', result: 'left out' }),
      ]),
      variables: expect.arrayContaining([expect.objectContaining({ name: 'BRAVE_API_KEY' })]),
    });
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  });

  it('takes over which tools a client has, in a file that is valid', async () => {
    using folder = temporaryFolder();
    const file = `${folder.path}/servers.yaml`;
    const settings = ['gemini-settings.json', 'windsurf-mcp_config.json'].map((name) => `${clients}${name}`);
    expect((await gangway(['import', ...settings, '-c', file])).code).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('    tools:\n      allow: [search]\n');
    expect(text).toContain('    tools:\n      deny: [post]\n');
  });

  it('asks npm for the version of a package that has none', async () => {
    using folder = temporaryFolder();
    writeFileSync(`${folder.path}/npm`, '#!/bin/sh\necho "$1 $2 $3" >> "${0%npm}asked"\necho 1.2.3\n', { mode: 0o755 });
    const [settings, file] = [`${folder.path}/mcp.json`, `${folder.path}/servers.yaml`];
    writeFileSync(settings, '{ "mcpServers": { "a": { "command": "npx", "args": ["-y", "@me/a"] } } }');
    const env = { PATH: `${folder.path}:${process.env['PATH'] ?? ''}` };
    const { code, stdout, stderr } = await gangway(['import', settings, '-c', file], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Asking npm for the newest version of @me/a' });
    expect(stdout).toContain('  a: it names no exact version: 1.2.3 is the newest one now');
    expect(readFileSync(file, 'utf8')).toBe('servers:\n  a:\n    package: npm:@me/a@1.2.3\n');
    expect(readFileSync(`${folder.path}/asked`, 'utf8')).toBe('view @me/a version\n');
  });

  it('ends with exit code 1 when nothing could be imported', async () => {
    using folder = temporaryFolder();
    const settings = `${folder.path}/mcp.json`;
    writeFileSync(settings, '{ "servers": { "old": { "type": "sse", "url": "https://a.example/sse" } } }');
    const { code, stdout } = await gangway(['import', settings, '-c', `${folder.path}/servers.yaml`]);
    expect(code).toBe(1);
    expect(stdout).toContain('Nothing to write');
  });

  it.each([
    ['a file that is not there', 'nowhere.json', /nowhere\.json: cannot be read \(ENOENT\)/],
    ['a file that is no JSON', 'servers.yaml', /servers\.yaml:1:1: not valid JSON/],
  ])('refuses %s', async (_, name, why) => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, 'servers: {}\n');
    const { code, stderr } = await gangway(['import', `${folder.path}/${name}`, '-c', file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(why);
  });

  it('refuses to add to a file that is not valid', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, 'servers:\n  a: { imag: x }\n');
    const { code, stderr } = await gangway(['import', desktop, '-c', file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/servers\.yaml:2:\d+: servers\.a\.imag: unknown key/);
  });
});
