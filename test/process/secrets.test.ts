import { describe, expect, it, jest } from '@jest/globals';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { childrenOf, commandLines } from '../support/processes.ts';
import { fixture, serve } from '../support/program.ts';

jest.setTimeout(20_000);

/** A value that stands nowhere but in the environment of the bridge. */
const canary = `canary-${process.pid}-${Math.random().toString(36).slice(2)}`;
const env = { API_TOKEN: '${GANGWAY_TEST_CANARY}', PLAIN: 'in the file' };
const servers = {
  good: { command: fixture('well-behaved'), env, pool: { warm: 1 } },
  broken: { command: fixture('dies-at-start'), env, pool: { warm: 0 } },
  mortal: { command: fixture('dies-mid-call'), env, pool: { warm: 0 } },
};
const options = {
  args: ['--allow-process', '--log-level', 'trace'],
  env: { GANGWAY_TEST_CANARY: canary, GANGWAY_TEST_OTHER: 'not for servers', LC_TIME: 'C' },
};

describe('A secret', () => {
  it('reaches its server and stands in no command line, log, error or status', async () => {
    await using bridge = await serve({ servers }, options);
    const session = await RawSession.open(bridge.url, 'good');
    const seen = JSON.parse(textOf((await session.call('env')).message?.result)) as Record<string, string>;
    expect(seen['API_TOKEN']).toBe(canary);

    const failed = await post(`${bridge.url}/broken/mcp`, initialize());
    expect(failed.message?.error?.data?.gangway?.['stderr']).toContain('the token is [redacted]');
    const mortal = await RawSession.open(bridge.url, 'mortal');
    const died = await mortal.call('die');
    const status = await (await fetch(`${bridge.url}/status`)).text();
    await bridge.waitForLine(/session closed/);

    for (const text of [failed.text, died.text, status, ...bridge.stdout, ...bridge.stderr, ...commandLines()])
      expect(text).not.toContain(canary);
    // Nor the key to the session.
    for (const text of [status, ...bridge.stdout, ...bridge.stderr]) expect(text).not.toContain(session.id);
  });

  it('is not in what a tool was asked or answered, as far as the log goes', async () => {
    await using bridge = await serve({ servers }, options);
    const session = await RawSession.open(bridge.url, 'good');
    await session.call('echo', { text: `said-${canary}` });
    await session.delete();
    await bridge.waitForLine(/session closed/);
    expect(bridge.stderr.join('\n')).not.toContain(canary);
  });
});

describe('The environment of a plain process', () => {
  it('is what its entry declares, the few that are inherited, and the marks', async () => {
    await using bridge = await serve({ servers }, options);
    const session = await RawSession.open(bridge.url, 'good');
    const seen = JSON.parse(textOf((await session.call('env')).message?.result)) as Record<string, string>;
    const known = /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_[A-Z]+|TZ|GANGWAY_(NAME|INSTANCE|OWNER|SERVER|STARTED))$/;
    const declared = Object.keys(seen).filter((name) => !known.test(name));
    expect(declared.sort()).toEqual(['API_TOKEN', 'PLAIN']);
    expect(seen).toMatchObject({ PLAIN: 'in the file', LC_TIME: 'C', PATH: process.env['PATH'] });
  });

  it('belongs to one server alone', async () => {
    const other = { command: fixture('well-behaved'), pool: { warm: 0 } };
    await using bridge = await serve({ servers: { ...servers, other } }, options);
    const session = await RawSession.open(bridge.url, 'other');
    const { result } = (await session.call('env')).message ?? {};
    expect(textOf(result)).not.toContain(canary);
    expect(childrenOf(bridge.pid).some(({ environment }) => environment.get('API_TOKEN') === canary)).toBe(true);
  });
});
