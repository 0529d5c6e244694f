import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fixture, serve, temporaryFolder, type Program } from '../support/program.ts';

// What reads the OpenAPI document of a server, unmodified. It has a package.json of its own:
// `npm ci --prefix test/openapi --ignore-scripts` installs it.
jest.setTimeout(120_000);

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const install = 'npm ci --prefix test/openapi --ignore-scripts';

if (existsSync(here('node_modules'))) describe('The OpenAPI document of a server', suite);
else if ((process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') !== '') {
  it('Readers of OpenAPI are installed', () => {
    throw new Error(`GANGWAY_REQUIRE_ENGINES is set; wanted "${install}" before`);
  });
} else describe.skip(`The OpenAPI document of a server; not installed, "${install}" does it`, suite);

function suite(): void {
  let bridge: Program;

  beforeAll(async () => {
    const weather = { command: fixture('weather'), sharing: 'shared' };
    bridge = await serve({ servers: { weather } }, { args: ['--allow-process'] });
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  async function run(script: string, ...args: string[]): Promise<unknown> {
    const url = `${bridge.url}/weather/openapi.json`;
    const { stdout } = await promisify(execFile)(process.execPath, [here(script), url, ...args], { timeout: 100_000 });
    return JSON.parse(stdout);
  }

  it('is read by Swagger UI’s parser, which calls tools by it', async () => {
    expect(await run('swagger.mjs')).toMatchObject({
      errors: [],
      operations: ['forecast', 'compare', 'history', 'city_by_name', 'fails', 'sleep', 'cancelled', 'pid', 'greeting'],
      forecast: { status: 200, body: { content: [{ type: 'text', text: 'Lisbon: sunny' }] } },
      compare: { status: 200, body: { structuredContent: { warmest: 'Lisbon', difference: 2.5 } } },
      refused: { status: 400, body: { code: 'ARGUMENTS_INVALID', pointer: '/city' } },
      odd: { status: 200, body: { content: [{ text: 'found' }] } },
    });
  });

  it('becomes a typed client, which calls tools', async () => {
    using folder = temporaryFolder();
    expect(await run('generate.mjs', folder.path)).toEqual({
      ...{ text: 'Lisbon: sunny', warmest: 'Lisbon' },
      ...{ refused: 'ARGUMENTS_INVALID', failed: 422 },
    });
  });
}
