import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { connect, initialize, post, RawSession, textOf, type Connected } from '../support/mcp-client.ts';
import { fixture, gangway, reconfigure, serve, type Program } from '../support/program.ts';
import { answer, FakeRemote, sayJson, wellBehaved } from '../support/remote-rig.ts';
import { until } from '../support/until.ts';

jest.setTimeout(30_000);

const token = 'sk-remote-0123456789';
const wrongToken = 'sk-wrong-0123456789';
const program = fileURLToPath(new URL('../fixtures/remote/sdk.mjs', import.meta.url));

/** A remote server that runs. */
interface Remote {
  readonly child: ChildProcess;
  readonly url: string;
}

const children = new Set<ChildProcess>();

async function startRemote(env: Readonly<Record<string, string>> = {}): Promise<Remote> {
  const child = spawn(process.execPath, [program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  children.add(child);
  const url = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  return { child, url };
}

let remote: Remote;
/** The Gangway in front of it, and one in front of that. */
let near: Program;
let far: Program;
const bridges: Program[] = [];

const servers = (url: string): object => ({
  remote: { url, headers: { Authorization: 'Bearer ${REMOTE_TOKEN}' } },
  wrong: { url, headers: { Authorization: 'Bearer ${WRONG_TOKEN}' } },
  absent: { url: 'http://127.0.0.1:9/mcp' },
  local: { command: fixture('well-behaved') },
});

beforeAll(async () => {
  remote = await startRemote({ TOKEN: token });
  near = await serve(
    { servers: servers(remote.url) },
    { args: ['--allow-process'], env: { REMOTE_TOKEN: token, WRONG_TOKEN: wrongToken } },
  );
  bridges.push(near);
  const through = (name: string): object => ({ url: `${near.url}/${name}/mcp` });
  far = await serve({ servers: { remote: through('remote'), local: through('local'), absent: through('absent') } });
  bridges.push(far);
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const bridge of bridges) await bridge[Symbol.asyncDispose]();
});

const call = (name: string, args: object = {}): { name: string; arguments: Record<string, unknown> } => ({
  name,
  arguments: { ...args },
});

/** A client that answers what it is asked. */
function connected(base: string, server = 'remote'): Promise<Connected> {
  return connect(base, server, { sampling: {}, elicitation: {} }, (client) => {
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      ...{ model: 'm', role: 'assistant' as const },
      content: { type: 'text' as const, text: 'a test' },
    }));
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { name: 'Ada' } }));
  });
}

describe.each([
  ['one Gangway', () => near.url],
  ['two Gangways', () => far.url],
])('A server of the SDK behind %s', (_, base) => {
  it('answers, in whatever size', async () => {
    await using session = await connected(base());
    expect((await session.client.listTools()).tools.length).toBeGreaterThan(5);
    expect(textOf(await session.client.callTool(call('echo', { value: 'ä€😀' })))).toBe('ä€😀');
    expect(textOf(await session.client.callTool(call('large', { bytes: 3_000_000 }))).length).toBe(3_000_000);
    expect(session.client.getServerVersion()).toEqual({ name: 'sdk', version: '1.0.0' });
  });

  it('reports progress, in order', async () => {
    await using session = await connected(base());
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }): number => seen.push(progress);
    await session.client.callTool(call('count'), undefined, { onprogress });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('asks its client: sampling and elicitation', async () => {
    await using session = await connected(base());
    expect(textOf(await session.client.callTool(call('sample')))).toBe('a test');
    expect(JSON.parse(textOf(await session.client.callTool(call('elicit'))))).toEqual({ action: 'accept', content: { name: 'Ada' } }); // prettier-ignore
  });

  it('says by itself that its tools have changed', async () => {
    await using session = await connected(base());
    let changes = 0;
    session.client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      changes += 1;
    });
    await until('the announcement', async () => {
      await session.client.callTool(call('announce'));
      return changes > 0;
    });
  });

  it('closes the stream of a call early, and the answer comes all the same', async () => {
    await using session = await connected(base());
    expect(textOf(await session.client.callTool(call('cut')))).toBe('after the cut');
  });

  it('learns that a call was cancelled', async () => {
    await using session = await connected(base());
    const before = Number(textOf(await session.client.callTool(call('cancelled'))));
    const aborter = new AbortController();
    const waiting = session.client.callTool(call('wait'), undefined, { signal: aborter.signal });
    setTimeout(() => {
      aborter.abort();
    }, 100);
    await expect(waiting).rejects.toThrow();
    await until(
      'the news',
      async () => Number(textOf(await session.client.callTool(call('cancelled')))) === before + 1,
    );
  });

  it('is told when the session ends', async () => {
    const session = await connected(base());
    const count = async (other: Connected): Promise<number> =>
      Number(textOf(await other.client.callTool(call('sessions'))));
    await using other = await connected(base());
    const before = await count(other);
    await session.close();
    await until('the end', async () => (await count(other)) === before - 1);
  });
});

describe('A server behind two Gangways', () => {
  it('can be a stdio server', async () => {
    await using session = await connected(far.url, 'local');
    expect((await session.client.listTools()).tools.length).toBeGreaterThan(0);
  });

  it('that is remote and absent is an ordinary error at both', async () => {
    for (const { url } of [near, far]) {
      const { status, message } = await post(`${url}/absent/mcp`, initialize());
      expect([status, message?.id]).toEqual([502, 1]);
      expect(message?.error?.data?.gangway?.reason).toMatch(/^REMOTE_(UNREACHABLE|FAILED)$/);
    }
  });
});

describe('A remote server', () => {
  it('that does not accept the secret is an error without the secret, also in the log and /status', async () => {
    const { status, text } = await post(`${near.url}/wrong/mcp`, initialize());
    const said = JSON.stringify([text, near.stdout, near.stderr, await near.status()]);
    expect([status, text]).toEqual([502, expect.stringContaining('not valid: [redacted]')]);
    expect(said).toContain('REMOTE_UNAUTHORIZED');
    for (const secret of [token, wrongToken]) expect(said).not.toContain(secret);
  });

  it('that forgets its sessions has its clients begin anew', async () => {
    const session = await RawSession.open(near.url, 'remote');
    remote.child.kill('SIGUSR2');
    const statuses = [
      (await session.call('echo', { value: 1 })).status,
      (await session.call('echo', { value: 1 })).status,
    ];
    expect(statuses).toEqual([404, 404]);
    await using fresh = await connected(near.url);
    expect(textOf(await fresh.client.callTool(call('echo', { value: 'again' })))).toBe('again');
  });

  it('that leaves in the middle of a call answers it with an error, and harms nobody else', async () => {
    const own = await startRemote();
    await using bridge = await serve(
      { servers: { own: { url: own.url }, local: { command: fixture('well-behaved') } } },
      { args: ['--allow-process'] },
    );
    const session = await RawSession.open(bridge.url, 'own');
    const { message } = await session.call('leave');
    expect(message?.error?.data?.gangway).toMatchObject({ reason: 'REMOTE_UNREACHABLE', retryable: true });
    await using other = await connect(bridge.url, 'local');
    expect((await other.client.listTools()).tools.length).toBeGreaterThan(0);
  });

  it('is changed with the file: open sessions keep the old one', async () => {
    const own = await startRemote();
    const second = await startRemote();
    await using bridge = await serve({ servers: { own: { url: own.url } } });
    await using session = await connected(bridge.url, 'own');
    await reconfigure(bridge, { servers: { own: { url: second.url } } });
    own.child.kill('SIGUSR2');
    await using fresh = await connected(bridge.url, 'own');
    expect(textOf(await fresh.client.callTool(call('sessions')))).toBe('1');
    await expect(session.client.callTool(call('echo', { value: 1 }))).rejects.toThrow();
  });

  it('is looked at by check, tools and call', async () => {
    const own = await startRemote();
    const config = { servers: { own: { url: own.url } } };
    await using bridge = await serve(config);
    const file = `${bridge.folder}/servers.yaml`;
    const check = await gangway(['check', '--config', file]);
    expect([check.code, check.stdout]).toEqual([0, expect.stringContaining('sdk 1.0.0')]);
    expect((await gangway(['tools', 'own', '--config', file])).stdout).toContain('echo');
    expect((await gangway(['call', 'own', 'echo', '{"value":"by hand"}', '--config', file])).stdout).toContain(
      'by hand',
    );
  });

  it('that is absent is an ordinary error of check and call', async () => {
    await using bridge = await serve({ servers: { absent: { url: 'http://127.0.0.1:9/mcp' } } });
    const file = `${bridge.folder}/servers.yaml`;
    for (const command of [['check'], ['call', 'absent', 'echo']]) {
      const { code, stdout, stderr } = await gangway([...command, '--config', file]);
      expect([code, stdout + stderr]).toEqual([1, expect.stringContaining('nothing listens at its address')]);
      expect(stderr).not.toContain('    at ');
    }
  });
});

describe('A remote server with bad manners', () => {
  let fake: FakeRemote;
  let bridge: Program;

  beforeEach(async () => {
    fake = await FakeRemote.start();
    const server = { url: fake.url, startTimeout: '500ms', callTimeout: '500ms' };
    const lacking = { url: fake.url, headers: { 'X-Key': '${NOBODY_SET_THIS}' } };
    bridge = await serve({ servers: { fake: server, roomy: { url: fake.url }, lacking } });
  });

  afterEach(async () => {
    await bridge[Symbol.asyncDispose]();
    await fake[Symbol.asyncDispose]();
  });

  it('that answers no list of tools is told so by check, in one line', async () => {
    fake.behave((seen, response, request) => {
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'f', version: '1' },
      };
      if (seen.json?.method !== 'initialize') wellBehaved()(seen, response, request);
      else sayJson(response, { jsonrpc: '2.0', id: seen.json.id, result });
    });
    const { stdout } = await gangway(['check', 'fake', '--config', `${bridge.folder}/servers.yaml`]);
    expect(stdout).toContain('✗ fake: Its answer to tools/list is no list of tools');
  });

  it('that does not answer initialize is given up after startTimeout', async () => {
    fake.behave(() => undefined);
    const { status, message } = await post(`${bridge.url}/fake/mcp`, initialize());
    expect([status, message?.error?.data?.gangway?.reason]).toEqual([504, 'READY_TIMEOUT']);
  });

  it('that does not answer a call is told so after callTimeout, and its session goes on', async () => {
    fake.behave(
      wellBehaved({
        call: (seen, response) => {
          if (seen.json?.id !== 'slow') answer(seen, response);
        },
      }),
    );
    const session = await RawSession.open(bridge.url, 'fake');
    const { message } = await session.request('tools/call', {}, { id: 'slow' });
    expect(message?.error?.data?.gangway?.reason).toBe('CALL_TIMEOUT');
    const { json } = await fake.waitFor('notifications/cancelled');
    expect(json).toMatchObject({ params: { requestId: 'slow' } });
    expect((await session.request('tools/list')).message?.result).toEqual({});
  });

  it('that answers with 100 MB fills no memory', async () => {
    let sent = 0;
    fake.behave(
      wellBehaved({
        call: (_, response) => {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' });
          response.write('data: "');
          const more = (): void => {
            if (response.destroyed || sent >= 100 * 1024 ** 2) return;
            sent += 65_536;
            if (response.write(Buffer.alloc(65_536, 'x'))) setImmediate(more);
            else response.once('drain', more);
          };
          more();
        },
      }),
    );
    const session = await RawSession.open(bridge.url, 'roomy');
    const before = (await bridge.status()).memoryBytes;
    const { message } = await session.call('large');
    expect(message?.error?.data?.gangway?.reason).toBe('UPSTREAM_GARBLED');
    expect((await bridge.status()).memoryBytes - before).toBeLessThan(90 * 1024 ** 2);
    expect(sent).toBeLessThan(60 * 1024 ** 2);
  });

  it('is told of the end of every session before the program ends', async () => {
    await RawSession.open(bridge.url, 'fake');
    await RawSession.open(bridge.url, 'fake');
    expect(await bridge.stop()).toBe(0);
    expect(fake.of('DELETE').length).toBe(2);
  });

  it('is not asked while a secret for it is missing', async () => {
    const { status, message } = await post(`${bridge.url}/lacking/mcp`, initialize());
    expect([status, message?.error?.data?.gangway?.reason]).toEqual([503, 'SERVER_DISABLED']);
    expect([fake.seen, message?.error?.message]).toEqual([[], expect.stringContaining('NOBODY_SET_THIS')]);
  });
});
