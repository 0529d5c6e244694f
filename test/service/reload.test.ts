import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { Config } from '../../src/config/config.ts';
import { diffConfig, withoutRestart, type ConfigDiff } from '../../src/config/diff.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Reload } from '../../src/service/reload.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';
import { until } from '../support/until.ts';

const path = '/nowhere/at/all/servers.yaml';
const first = 'all: false\nservers:\n  a: { image: x/a }\n';
const second = 'all: false\nservers:\n  b: { image: x/b, env: { KEY: "${KEY:-hidden-value}" } }\n';
const invalid = 'all: false\nservers:\n  a: { imag: x/a }\n';

interface Rig {
  readonly reload: Reload;
  readonly clock: ManualClock;
  /** Configurations that were put in force, after the first. */
  readonly applied: Config[];
  readonly lines: LogLine[];
  /** What the file holds; an error is thrown by who reads it. */
  text: string | Error;
}

function rigOf(
  environment: NodeJS.ProcessEnv = {},
  parse = (text: string): Config => parseConfig(text, path, environment, {}),
): Rig {
  const clock = new ManualClock();
  const { log, lines } = quietLog();
  const applied: Config[] = [];
  const held = { text: first as string | Error };
  let inForce = parseConfig(first, path, environment, {});
  const read = (): string => {
    if (typeof held.text !== 'string') throw held.text;
    return held.text;
  };
  const apply = (config: Config): ConfigDiff => {
    const diff = diffConfig(inForce, config);
    applied.push(config);
    inForce = withoutRestart(inForce, config);
    return diff;
  };
  const reload = new Reload({ config: inForce, text: first, read, parse }, { apply, clock, log });
  return Object.assign(held, { reload, clock, applied, lines });
}

const serversOf = ({ applied }: Rig): string[][] => applied.map(({ servers }) => [...servers.keys()]);
const errorsOf = ({ lines }: Rig): LogLine[] => lines.filter(({ level }) => level === 50);

describe('Reload.now()', () => {
  it('puts a valid file in force and logs what changed in one line, names only', () => {
    const rig = rigOf();
    rig.text = second;
    rig.reload.now();
    expect(serversOf(rig)).toEqual([['b']]);
    expect(rig.lines).toMatchObject([
      { level: 30, added: ['b'], removed: ['a'], unchanged: 0, msg: 'configuration reloaded' },
    ]);
    expect(JSON.stringify(rig.lines)).not.toContain('hidden-value');
  });

  it('reads a file that has not changed, since what it refers to may have', () => {
    const environment = { KEY: 'old' };
    const rig = rigOf(environment);
    rig.text = second;
    rig.reload.now();
    environment.KEY = 'new';
    rig.reload.now();
    expect(rig.lines.at(-1)).toMatchObject({ changed: ['b: env'], unchanged: 0 });
  });

  it('says so when there is nothing to change', () => {
    const rig = rigOf();
    rig.reload.now();
    expect(rig.lines).toMatchObject([{ level: 30, msg: 'configuration read again: nothing to change' }]);
  });

  it('does one after the other: each is compared with what the one before put in force', () => {
    const rig = rigOf();
    rig.text = second;
    rig.reload.now();
    rig.text = first;
    rig.reload.now();
    expect(rig.lines).toMatchObject([
      { added: ['b'], removed: ['a'] },
      { added: ['a'], removed: ['b'] },
    ]);
  });

  it('warns of what waits for a restart, and keeps it in the state until it is taken back', () => {
    const rig = rigOf();
    rig.text = `engine: docker\n${first}`;
    rig.reload.now();
    expect(rig.lines.at(-1)).toMatchObject({ level: 40, keys: ['engine'] });
    rig.reload.now();
    expect(rig.reload.state.needsRestart).toEqual(['engine']);
    rig.text = first;
    rig.reload.now();
    expect(rig.reload.state).not.toHaveProperty('needsRestart');
  });
});

describe('Reload, given an invalid file,', () => {
  it('applies nothing, and says file, line and key', () => {
    const rig = rigOf();
    rig.text = invalid;
    rig.reload.now();
    expect(rig.applied).toEqual([]);
    expect(errorsOf(rig)).toMatchObject([{ error: expect.stringContaining(`${path}:3:8: servers.a.imag: unknown`) }]);
    expect(rig.reload.state.lastError).toBe(errorsOf(rig)[0]?.['error']);
  });

  it('reports it once, and another one again', () => {
    const rig = rigOf();
    rig.text = invalid;
    rig.reload.now();
    rig.reload.now();
    expect(errorsOf(rig)).toHaveLength(1);
    rig.text = `# still wrong\n${invalid}`;
    rig.reload.now();
    expect(errorsOf(rig)).toHaveLength(2);
  });

  it('reports the same one again after it had been mended', () => {
    const rig = rigOf();
    for (const text of [invalid, first, invalid]) {
      rig.text = text;
      rig.reload.now();
    }
    expect(errorsOf(rig)).toHaveLength(2);
  });

  it('keeps the time at which the one in force was read, and forgets the error with the next valid one', async () => {
    const rig = rigOf();
    const { loadedAt } = rig.reload.state;
    await until('another millisecond', () => new Date().toISOString() !== loadedAt, { everyMs: 1 });
    rig.text = invalid;
    rig.reload.now();
    expect(rig.reload.state.loadedAt).toBe(loadedAt);
    rig.text = second;
    rig.reload.now();
    expect(rig.reload.state).not.toHaveProperty('lastError');
  });

  it('survives one that cannot be read', () => {
    const rig = rigOf();
    rig.text = new BridgeError('CONFIG_INVALID', 'servers.yaml: cannot be read (EACCES)');
    rig.reload.now();
    rig.reload.now();
    expect([rig.applied, errorsOf(rig)]).toMatchObject([[], [{ error: expect.stringContaining('EACCES') }]]);
  });

  it('survives a fault in its parser', () => {
    const rig = rigOf({}, () => {
      throw new RangeError('Maximum call stack size exceeded');
    });
    rig.reload.now();
    expect(errorsOf(rig)).toMatchObject([{ error: 'it cannot be read: Maximum call stack size exceeded' }]);
  });
});

describe('Reload.start()', () => {
  it('follows the file', async () => {
    const rig = rigOf();
    rig.reload.start();
    rig.text = second;
    await rig.clock.advance(4000);
    expect(serversOf(rig)).toEqual([['b']]);
    rig.reload.close();
  });

  it('reads a change once that somebody pointed out before it was seen', async () => {
    const rig = rigOf();
    rig.reload.start();
    rig.text = second;
    rig.reload.now();
    await rig.clock.advance(10_000);
    expect(serversOf(rig)).toEqual([['b']]);
    rig.reload.close();
  });

  it('reads an invalid file once, however long it stands', async () => {
    const rig = rigOf();
    rig.reload.start();
    rig.text = invalid;
    await rig.clock.advance(60_000);
    expect(errorsOf(rig)).toHaveLength(1);
    rig.reload.close();
  });
});

describe('Reload.close()', () => {
  it('ends it: no reload, no timer', async () => {
    const rig = rigOf();
    rig.reload.start();
    rig.reload.close();
    rig.text = second;
    rig.reload.now();
    rig.reload.start();
    await rig.clock.advance(10_000);
    expect([rig.applied, rig.clock.pending]).toEqual([[], 0]);
    expect(rig.lines.at(-1)?.msg).toContain('Gangway is shutting down');
  });
});
