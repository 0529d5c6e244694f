import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CliEngine } from '../../src/engine/cli-engine.ts';
import type { Child } from '../../src/engine/engine.ts';
import { ownToken } from '../../src/engine/labels.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { serverConfig } from '../support/pool-rig.ts';

let home: string;
let clock: ManualClock;
let engine: CliEngine;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'cli-engine-test-'));
  mkdirSync(path.join(home, 'exits'));
  clock = new ManualClock();
  const conmon = { exits: path.join(home, 'exits'), bundles: home };
  const found = { file: '/bin/true', version: '5', dialect: { kind: 'podman', isRemote: false }, conmon } as const;
  engine = new CliEngine(found, {}, clock, ownToken());
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** In an argument: no program can be started with it. */
const zero = 'a\0b';

function launch(name: string, args: readonly string[] = []): Child {
  const { source, env, mounts, user, network, sandbox, resources } = serverConfig();
  if (source.kind !== 'image') throw new TypeError('wanted an image');
  return engine.launch({
    name,
    source,
    args,
    env,
    mounts,
    user,
    network,
    sandbox,
    resources,
    labels: {},
    lifetimeSeconds: 1,
  });
}

describe('CliEngine.launch()', () => {
  it('leaves nothing behind when the client cannot be started', () => {
    expect(() => launch('a', [zero])).toThrow();
    const folders = readdirSync(tmpdir()).filter((entry) => entry.startsWith(`gangway-run-${ownToken()}-`));
    expect([folders, clock.pending]).toEqual([[], 0]);
  });

  it('does not ask for ever about one that was never started', async () => {
    expect(() => launch('a', [zero])).toThrow();
    await launch('b').died;
    await clock.advance(2000);
    expect(clock.pending).toBe(0);
  });
});
