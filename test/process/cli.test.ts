import { readFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { parse } from 'yaml';
import { processes } from '../support/processes.ts';
import { fixture, gangway, temporaryFolder, writeConfig, type Finished } from '../support/program.ts';

jest.setTimeout(20_000);

const root = new URL('../../', import.meta.url);
const config = {
  servers: {
    good: { command: fixture('well-behaved') },
    broken: { command: fixture('dies-at-start') },
    silent: { command: fixture('silent'), startTimeout: '500ms' },
    common: { command: fixture('well-behaved'), sharing: 'shared' },
    each: { command: fixture('well-behaved'), modern: 'per-call' },
    modern: { command: fixture('conformance-modern') },
    dual: { command: fixture('conformance-modern', '--dual') },
  },
};

/** Runs a command with that configuration; nothing may be left of it. */
async function run(...args: string[]): Promise<Finished> {
  using folder = temporaryFolder();
  const file = writeConfig(folder.path, config);
  const finished = await gangway([...args, '--config', file, '--allow-process']);
  const left = processes().filter(({ environment }) => environment.get('PWD') === folder.path);
  expect(left).toEqual([]);
  return finished;
}

describe('gangway', () => {
  it.each(['--version', '-v'])('%s prints the version', async (option) => {
    const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
    expect(await gangway([option])).toEqual({ code: 0, stdout: version, stderr: '' });
  });

  it.each(['--help', '-h'])('%s names every command and option', async (option) => {
    const { code, stdout, stderr } = await gangway([option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['serve', 'check', 'tools', 'call', 'ps', 'schema', '--config', '--engine', '--json'])
      expect(stdout).toContain(word);
  });

  it('names the nearest command for an unknown one', async () => {
    const { code, stdout, stderr } = await gangway(['serv']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/unknown command "serv".*did you mean serve\?/);
  });

  it('names the nearest option for an unknown one', async () => {
    const { code, stderr } = await gangway(['serve', '--confg', 'x.yaml']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown option --confg; did you mean --config\?/);
  });

  it.each([
    [['call', 'good'], /operand/],
    [['serve', '--port', '99999'], /--port got "99999"/],
    [['serve', '--engine', 'dokcer'], /did you mean docker\?/],
    [['serve', '--port'], /port/],
  ])('%j ends with exit code 2 and one line', async (args, pattern) => {
    const { code, stdout, stderr } = await gangway(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(pattern);
    expect(stderr).not.toContain('\n');
  });
});

describe('gangway schema', () => {
  it('prints a JSON Schema that accepts the servers.yaml of this repository and refuses a wrong key', async () => {
    const { code, stdout } = await gangway(['schema']);
    expect(code).toBe(0);
    const { $schema, ...schema } = JSON.parse(stdout) as Record<string, unknown>;
    expect($schema).toBe('https://json-schema.org/draft/2020-12/schema');
    // The validator knows an older draft; nothing that differs is in use.
    const validate = new AjvJsonSchemaValidator().getValidator(schema);
    for (const file of ['servers.yaml', 'examples/embedded.yaml']) {
      const value: unknown = parse(readFileSync(new URL(file, root), 'utf8'));
      expect(validate(value)).toMatchObject({ valid: true });
    }
    const wrong = { servers: { fetch: { image: 'docker.io/mcp/fetch', pool: { maxx: 3 } } } };
    expect(validate(wrong)).toMatchObject({ valid: false });
  });
});

describe('gangway check', () => {
  it('tries a good server: ✓ with its name, version and tools', async () => {
    const { code, stdout } = await run('check', 'good');
    expect(code).toBe(0);
    expect(stdout).toMatch(/✓ good: well-behaved 1\.0\.0, 12 tools, \d+ ms on process/);
  });

  it('tries every server: ✗ with the reason and the last stderr lines, exit code 1', async () => {
    const { code, stdout } = await run('check');
    expect(code).toBe(1);
    expect(stdout).toMatch(/✓ good/);
    expect(stdout).toMatch(/✗ broken: .*exit code 3/);
    expect(stdout).toContain('    fatal: no database');
    expect(stdout).toMatch(/✗ silent: .*500 ms/);
  });

  it.each([
    ['modern', 'speaks 2026-07-28 only; requests of 2026-07-28 are relayed (modern: auto)'],
    ['dual', 'speaks 2026-07-28 and older revisions; requests of 2026-07-28 are relayed (modern: auto)'],
    ['good', 'speaks revisions up to 2025-11-25; requests of 2026-07-28 are sent back to a session (modern: auto)'],
    ['common', 'speaks revisions up to 2025-11-25; requests of 2026-07-28 are translated (modern: auto)'],
    ['each', 'requests of 2026-07-28 have a container each (modern: per-call)'],
  ])('says what a server speaks: %s', async (server, line) => {
    const { code, stdout } = await run('check', server);
    expect([code, stdout.split('\n').at(-1)]).toEqual([0, `    ${line}`]);
  });

  it('prints JSON with --json', async () => {
    const { code, stdout } = await run('check', 'broken', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([{ isOk: true }, { isOk: false, subject: 'broken' }]);
  });
});

describe('gangway tools', () => {
  it('lists the tools of a server', async () => {
    const { code, stdout, stderr } = await run('tools', 'good');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toContain('echo');
  });

  it('prints JSON with --json', async () => {
    const { stdout } = await run('tools', 'good', '--json');
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ name: 'echo' }));
  });

  it('lists those of a server that speaks 2026-07-28 only', async () => {
    const { code, stdout } = await run('tools', 'modern');
    expect([code, stdout.split('\n').map((line) => line.split(' ')[0])]).toEqual([
      0,
      expect.arrayContaining(['test_simple_text']),
    ]);
  });

  it('names the servers there are for an unknown one', async () => {
    const { code, stderr } = await run('tools', 'goood');
    expect(code).toBe(2);
    expect(stderr).toContain('wanted one of good, broken, silent, common');
  });

  it('says why a server cannot be started, exit code 1', async () => {
    const { code, stdout, stderr } = await run('tools', 'broken');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('exit code 3');
    expect(stderr).toContain('fatal: no database');
  });
});

describe('gangway call', () => {
  it('prints what the tool answers', async () => {
    const { code, stdout, stderr } = await run('call', 'good', 'echo', '{"text":"hello"}');
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'hello', stderr: '' });
  });

  it('prints progress on stderr', async () => {
    const { code, stdout, stderr } = await run('call', 'good', 'progress', '{"steps":2}');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'done' });
    expect(stderr.split('\n').map((line) => line.trim())).toEqual(['1/2 step 1', '2/2 step 2']);
  });

  it('ends with exit code 1 when the tool answers isError', async () => {
    const { code, stdout } = await run('call', 'good', 'fail');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'it did not work' });
  });

  it('ends with exit code 1 for a tool that is not there', async () => {
    const { code, stderr } = await run('call', 'good', 'no-such-tool');
    expect(code).toBe(1);
    expect(stderr).toContain('unknown tool no-such-tool');
  });

  it.each([['{"text":'], ['[1]'], ['42']])('ends with exit code 2 for the arguments %s', async (json) => {
    const { code, stderr } = await run('call', 'good', 'echo', json);
    expect(code).toBe(2);
    expect(stderr).toMatch(/JSON/);
  });
});
