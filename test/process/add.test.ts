import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import { add } from '../../src/cli/add.ts';
import { parseArguments } from '../../src/cli/args.ts';
import { npmOnly } from '../support/npm-only.ts';
import { fixture, gangway, main, serve, temporaryFolder, writeConfig, type Finished } from '../support/program.ts';
import { recordedOutput, scriptedPrompt, type ScriptedPrompt } from '../support/scripted-prompt.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

const before = `# mine
servers:
  # the first
  good: { command: [node,   here.js] } # odd spaces
`;
const key = 'key-0123456789';

interface Added extends Finished {
  /** The file afterwards. */
  readonly text: string;
}

/** Runs `gangway add` on that file, from a script. */
async function run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Added> {
  using folder = temporaryFolder();
  const file = writeConfig(folder.path, before);
  const finished = await gangway(['add', '--config', file, '--allow-process', ...words], { env });
  return { ...finished, text: readFileSync(file, 'utf8') };
}

const server = (name: string): string[] => ['--command', '--', ...fixture(name)];

describe('gangway add', () => {
  it('tries a server, lists its tools, writes its entry and says its URL', async () => {
    const { code, stdout, text } = await run(['--name', 'well', '--shared', ...server('well-behaved')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ well-behaved 1\.0\.0, 12 tools$/m);
    expect(stdout).toMatch(/^ {2}echo$/m);
    expect(stdout).toContain('http://127.0.0.1:8808/well/mcp');
    const [program, script] = fixture('well-behaved');
    expect(text).toBe(`${before}  well:\n    command: [${program}, ${script!}]\n    sharing: shared\n`);
  });

  it('says which variable a server wants when there is nobody to ask, and writes nothing', async () => {
    const { code, stderr, text } = await run(['--name', 'weather', ...server('wants-a-key')]);
    expect(code).toBe(2);
    expect(stderr.split('\n').at(-1)).toBe(
      'Cannot add "weather": it says that it needs WEATHER_API_KEY; wanted --env WEATHER_API_KEY, with its value in the environment',
    );
    expect(text).toBe(before);
  });

  it('gives a server nothing of the environment that nobody told it to', async () => {
    const { code, text } = await run(['--name', 'weather', ...server('wants-a-key')], { WEATHER_API_KEY: key });
    expect({ code, text }).toEqual({ code: 2, text: before });
  });

  it.each([
    ['in the environment', ['--env', 'WEATHER_API_KEY'], { WEATHER_API_KEY: key }],
    ['in the command line', ['--env', `WEATHER_API_KEY=${key}`], {}],
  ])('refers to a secret that is given %s', async (_, words, env) => {
    const { code, stdout, text } = await run(['--name', 'weather', ...words, ...server('wants-a-key')], env);
    expect(code).toBe(0);
    expect(text).toContain('    env:\n      WEATHER_API_KEY: ${WEATHER_API_KEY}\n');
    expect(text + stdout).not.toContain(key);
  });

  it('writes a variable that is no secret as it is', async () => {
    const { text } = await run([
      '--name',
      'well',
      '-e',
      'MODE=a$$b',
      '-e',
      'TOWN=${HOME:-x}',
      ...server('well-behaved'),
    ]);
    expect(text).toContain('    env:\n      MODE: a$$$$b\n      TOWN: ${HOME:-x}\n');
  });

  it.each([
    ['a name that is taken', ['--name', 'good'], /has a server of that name, wanted another --name, or --replace/],
    ['a name that nothing can have', ['--name', 'No Name'], /wanted a name of small letters/],
    ['a variable without a name', ['--name', 'x', '--env', '=1'], /wanted --env KEY=VALUE/],
  ])('refuses %s before it starts anything', async (_, words, why) => {
    const { code, stderr, text } = await run([...words, ...server('silent')]);
    expect({ code, text }).toEqual({ code: 2, text: before });
    expect(stderr).toMatch(why);
  });

  it('takes no name of a group', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, `${before}groups: { both: [good] }\n`);
    const words = ['add', '--config', file, '--allow-process', '--name', 'both', '--replace', ...server('silent')];
    const { code, stderr } = await gangway(words);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('has a group of that name') });
  });

  it('takes the place of a server with --replace', async () => {
    const { code, text } = await run(['--name', 'good', '--replace', ...server('well-behaved')]);
    expect(code).toBe(0);
    expect(text).toMatch(
      /^# mine\nservers:\n {2}# the first\n {2}good:\n {4}command: \[node, .*well-behaved\.mjs\]\n$/,
    );
  });

  it('writes nothing with --dry-run', async () => {
    const { code, stdout, text } = await run(['--name', 'well', '--dry-run', ...server('well-behaved')]);
    expect({ code, text }).toEqual({ code: 0, text: before });
    expect(stdout).toContain('  well:\n    command: [node,');
    expect(stdout).toContain('--dry-run');
  });

  it('writes nothing when the server cannot be started', async () => {
    const { code, stderr, text } = await run(['--name', 'broken', ...server('dies-on-initialize')]);
    expect({ code, text }).toEqual({ code: 1, text: before });
    expect(stderr).toContain('Cannot start the server');
  });

  it('prints JSON with --json', async () => {
    const { stdout } = await run(['--name', 'well', '--json', ...server('well-behaved')]);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{
        name: 'well',
        url: 'http://127.0.0.1:8808/well/mcp',
        isWritten: true,
        entry: { command: fixture('well-behaved') },
      },
      tools: expect.arrayContaining(['echo']),
    });
  });

  it('makes the file when there is none', async () => {
    using folder = temporaryFolder();
    const file = `${folder.path}/new.yaml`;
    const { code } = await gangway(['add', '-c', file, '--allow-process', '--name', 'well', ...server('well-behaved')]);
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^servers:\n {2}well:\n/);
  });
});

describe('gangway add URL', () => {
  it('tries a server that runs already, and writes its address', async () => {
    await using bridge = await serve(
      { servers: { good: { command: fixture('well-behaved') } } },
      { args: ['--allow-process'] },
    );
    const url = `${bridge.url}/good/mcp`;
    const { code, stdout, text } = await run([url, '--name', 'far', '--header', 'X-Mode=read']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ well-behaved 1\.0\.0, 12 tools$/m);
    expect(text).toBe(`${before}  far:\n    url: ${url}\n    headers:\n      X-Mode: read\n`);
    expect((await bridge.status()).sessions).toBe(0);
  });

  it('writes nothing when nobody answers there', async () => {
    const { code, stderr, text } = await run(['http://127.0.0.1:1/mcp', '--name', 'far']);
    expect({ code, text }).toEqual({ code: 1, text: before });
    expect(stderr).toContain('Cannot');
  });
});

describe('gangway add npm:NAME@VERSION', () => {
  it('installs a package where there is no engine, tries it and writes its entry', async () => {
    using folder = temporaryFolder();
    const env = { PATH: npmOnly(folder.path), XDG_CACHE_HOME: folder.path };
    const spec = 'npm:@modelcontextprotocol/server-everything@2026.8.31';
    const { code, stdout, stderr, text } = await run([spec, '--', 'stdio'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`installing ${spec}`) });
    expect(stdout).toMatch(/^ {2}get-sum /m);
    expect(text).toBe(`${before}  everything:\n    package: ${spec}\n    args: [stdio]\n`);
  }, 180_000);
});

describe('terminalPrompt', () => {
  it('shows no letter of a secret that is typed', async () => {
    using folder = temporaryFolder();
    const words = ['add', '--allow-process', '--yes', '-c', `${folder.path}/servers.yaml`, ...server('wants-a-key')];
    const line = [process.execPath, main, ...words].join(' ');
    const terminal = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const shown: string[] = [];
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => shown.push(text));
    await until('the question', () => shown.join('').includes('WEATHER_API_KEY: '));
    terminal.stdin.write(`${key}\r`);
    await once(terminal, 'close');
    expect(shown.join('')).toContain('Written to ');
    expect(shown.join('')).not.toContain(key);
  });
});

describe('add() at a terminal', () => {
  async function ask(
    prompt: ScriptedPrompt,
    folder: string,
    env = {},
    how: readonly string[] = [],
  ): Promise<{ code: number; printed: string }> {
    const output = recordedOutput();
    const words = ['add', '--config', `${folder}/servers.yaml`, '--allow-process', '--name', 'weather'];
    const args = parseArguments([...words, ...server('wants-a-key'), ...how]);
    const code = await add(args, { PATH: process.env['PATH'], ...env }, output, prompt);
    return { code, printed: output.text() };
  }

  it('asks for a secret without showing it, and writes only its name', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, before);
    const prompt = scriptedPrompt(key, 'y', 'n');
    const { code, printed } = await ask(prompt, folder.path);
    expect(code).toBe(0);
    expect(prompt.questions[0]).toBe('hidden: WEATHER_API_KEY: ');
    expect(printed).toContain('Set WEATHER_API_KEY in the environment of Gangway');
    expect(readFileSync(file, 'utf8')).toContain('WEATHER_API_KEY: ${WEATHER_API_KEY}');
    expect(readFileSync(file, 'utf8') + printed).not.toContain(key);
  });

  it('asks whether a server gets what is in the environment', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, before);
    const prompt = scriptedPrompt('y', 'y');
    expect((await ask(prompt, folder.path, { WEATHER_API_KEY: key })).code).toBe(0);
    expect(prompt.questions[0]).toContain('does it get the one of your environment?');
    expect(readFileSync(file, 'utf8')).toContain('WEATHER_API_KEY: ${WEATHER_API_KEY}');
  });

  it.each([
    ['an answer', key, { env: true }],
    ['no answer', '', { env: false }],
  ])('goes on with %s of what a server can do without', async (_, answer, wanted) => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, before);
    const { code, printed } = await ask(scriptedPrompt(answer, 'y', 'n'), folder.path, {}, ['softly']);
    expect(code).toBe(0);
    expect(printed).toContain('It works, and says that it misses WEATHER_API_KEY');
    expect(readFileSync(file, 'utf8').includes('WEATHER_API_KEY: ${WEATHER_API_KEY}')).toBe(wanted.env);
  });

  it('keeps a secret in a file for its owner alone when told to', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, before);
    const { code, printed } = await ask(scriptedPrompt(key, '', 'y'), folder.path);
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('WEATHER_API_KEY: file:./secrets/WEATHER_API_KEY');
    expect(readFileSync(`${folder.path}/secrets/WEATHER_API_KEY`, 'utf8')).toBe(`${key}\n`);
    expect(statSync(`${folder.path}/secrets/WEATHER_API_KEY`).mode & 0o777).toBe(0o600);
    expect(printed).toContain('keep it out of version control');
  });

  it('writes nothing when the answer is no, or there is no secret', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, before);
    expect((await ask(scriptedPrompt(key, 'n'), folder.path)).code).toBe(1);
    await expect(ask(scriptedPrompt(''), folder.path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(existsSync(`${folder.path}/secrets`)).toBe(false);
  });
});
