import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';

// Real clients, unmodified, against the running bridge. They have a package.json of their own, as they are many and large:
// `npm ci --prefix test/clients --ignore-scripts` installs them. Some need the newer Node of test/inspector.
jest.setTimeout(180_000);

interface Client {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly found: Readonly<Record<string, { readonly mark: string; readonly note?: string }>>;
}

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const wanted = ['clients', 'inspector'].filter((folder) => !existsSync(here(`../${folder}/node_modules`)));
const isRequired = (process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') !== '';
const install = wanted.map((folder) => `npm ci --prefix test/${folder} --ignore-scripts`).join(' && ');

/** What a client has no means for; everything else works. */
const notOffered: Readonly<Record<string, readonly string[]>> = {
  sdk: [],
  'sdk-1.10': [],
  'sdk-v2': [],
  'sdk-v2-auto': [],
  inspector: ['progress', 'leave'],
  'inspector-auto': ['progress', 'leave'],
  'mcp-remote': ['leave'],
  'mcp-proxy': ['leave'],
  'ai-sdk': ['progress'],
  langchain: ['leave'],
  'openai-agents': ['progress'],
  mastra: ['leave'],
};
const checks = ['connect', 'list', 'call', 'progress', 'big', 'errors', 'reconnect', 'leave'];

if (wanted.length === 0) describe('Real clients', suite);
else if (isRequired) {
  it('Real clients are installed', () => {
    throw new Error(`GANGWAY_REQUIRE_ENGINES is set; wanted "${install}" before`);
  });
} else describe.skip(`Real clients; not installed, "${install}" does it`, suite);

function suite(): void {
  let results: readonly Client[] = [];
  let page = '';

  beforeAll(async () => {
    const options = { timeout: 170_000, maxBuffer: 16 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)(process.execPath, [here('run.mjs'), '--json'], options);
    ({ results, page } = JSON.parse(stdout) as { results: readonly Client[]; page: string });
  });

  it('are those that are listed here', () => {
    expect(results.map(({ name }) => name)).toEqual(Object.keys(notOffered));
  });

  it.each(Object.entries(notOffered))('%s does all that it has means for', (name, without) => {
    const { found } = results.find((client) => client.name === name)!;
    const expected = checks.map((what) => [what, without.includes(what) ? 'not offered' : 'pass']);
    // With the notes in it, a difference says why.
    const marks = Object.entries(found).map(([what, { mark, note }]) => [
      what,
      mark === 'fail' ? (note ?? mark) : mark,
    ]);
    expect(Object.fromEntries(marks)).toEqual(Object.fromEntries(expected));
  });

  it('are in docs/clients.md, made by "npm run clients", as they are now', () => {
    expect(readFileSync(here('../../docs/clients.md'), 'utf8')).toBe(page);
  });
}
