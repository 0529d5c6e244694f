import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { ServerConfig } from '../../src/config/config.ts';
import { openOnCurrent } from '../../src/http/current-server.ts';
import type { Served } from '../../src/legacy/registry.ts';
import { poolRig } from '../support/pool-rig.ts';

const { served, config } = poolRig();
const off = (code: 'SERVER_DISABLED' | 'SERVER_UNKNOWN'): Partial<ServerConfig> => ({
  disabled: { code, reason: 'for a reason' },
});
const serverOf = (change: Partial<ServerConfig> = {}): Served => ({ ...served, config: { ...config, ...change } });
const draining = new BridgeError('DRAINING', 'Cannot lease a container: Gangway is shutting down');

/** Opens on `first`; `open` has the say of each server that is tried. */
async function attempt(
  first: Served,
  served: ReadonlyMap<string, Served>,
  open: (server: Served) => Error | undefined,
): Promise<{ tried: Served[]; outcome: string }> {
  const tried: Served[] = [];
  try {
    await openOnCurrent(served, first, (server) => {
      tried.push(server);
      const error = open(server);
      return error ? Promise.reject(error) : Promise.resolve();
    });
    return { tried, outcome: 'opened' };
  } catch (error) {
    return { tried, outcome: error instanceof BridgeError ? error.code : 'a fault' };
  }
}

describe('openOnCurrent()', () => {
  it('opens on the server that it is given', async () => {
    const server = serverOf();
    const { tried, outcome } = await attempt(server, new Map([['demo', server]]), () => undefined);
    expect([tried, outcome]).toEqual([[server], 'opened']);
  });

  it('goes on to the successor when the server is taken out of service meanwhile', async () => {
    const [old, next] = [serverOf(), serverOf({ args: ['new'] })];
    const open = (server: Served): Error | undefined => (server === old ? draining : undefined);
    const { tried, outcome } = await attempt(old, new Map([['demo', next]]), open);
    expect([tried, outcome]).toEqual([[old, next], 'opened']);
  });

  it('says that Gangway drains when the server was not replaced', async () => {
    const server = serverOf();
    const { tried, outcome } = await attempt(server, new Map([['demo', server]]), () => draining);
    expect([tried.length, outcome]).toEqual([1, 'DRAINING']);
  });

  it('leaves any other error to the caller, successor or not', async () => {
    const full = new BridgeError('POOL_FULL', 'Cannot lease a container');
    const { tried, outcome } = await attempt(serverOf(), new Map([['demo', serverOf()]]), () => full);
    expect([tried.length, outcome]).toEqual([1, 'POOL_FULL']);
  });

  it.each(['SERVER_DISABLED', 'SERVER_UNKNOWN'] as const)('refuses one that is off as %s', async (code) => {
    const server = serverOf(off(code));
    const { tried, outcome } = await attempt(server, new Map([['demo', server]]), () => undefined);
    expect([tried, outcome]).toEqual([[], code]);
  });

  it.each([
    ['still has sessions', true],
    ['is gone', false],
  ])('says SERVER_UNKNOWN when the server was removed meanwhile and %s', async (_, hasSessions) => {
    const server = serverOf();
    const open = (): Error => {
      Object.assign(server.config, off('SERVER_UNKNOWN'));
      return draining;
    };
    const { outcome } = await attempt(server, new Map(hasSessions ? [['demo', server]] : []), open);
    expect(outcome).toBe('SERVER_UNKNOWN');
  });
});
