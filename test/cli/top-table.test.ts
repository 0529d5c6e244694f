import { describe, expect, it } from '@jest/globals';
import { statusSchema } from '../../src/cli/bridge-status.ts';
import { topLines } from '../../src/cli/top-table.ts';

const pool = {
  ...{ starting: 1, warm: 2, leased: 3, retiring: 4, waiting: 5, max: 20, starts: 1234, failedStarts: 6 },
};

/** What `GET /status` says, as far as it matters here. */
const status = {
  version: '1.2.3',
  node: 'v22.0.0',
  ready: true,
  uptimeSeconds: 3725,
  memoryBytes: 90 * 1024 ** 2,
  engine: { kind: 'podman', version: '5.0.0' },
  ...{ sessions: 7, callsInFlight: 8, containers: 9, leaked: [{}], load: { loopDelayMs: 2, isRefusing: 'nothing' } },
  servers: {
    memory: {
      ...{ sharing: 'session', sessions: 3, callsInFlight: 2, deaths: { total: 9 } },
      pool: { ...pool, lastError: 'Cannot start the server: it ended with exit code 3 before it was ready' },
    },
    search: {
      ...{ sharing: 'shared', sessions: 4 },
      pool: {
        ...{ starting: 0, ready: 2, draining: 1, retiring: 1, waiting: 0, ongoing: 12, target: 2, min: 1, max: 5 },
        ...{ starts: 3, failedStarts: 0, restarts: 2, circuit: 'closed' },
      },
    },
    brave: { disabled: 'the environment variable BRAVE_API_KEY is not set', sharing: 'session', sessions: 0, pool: {} },
  },
};

const draw = (given: unknown, width = Infinity): string[] => topLines(statusSchema.parse(given), width);

describe('topLines()', () => {
  it('has the bridge above and a row for each server', () => {
    expect(draw(status)).toEqual([
      'Gangway 1.2.3 · up 1 h 2 min · podman 5.0.0 · ready',
      'sessions 7 · calls 8 · containers 9 · leaked 1 · memory 90 MB · loop delay 2 ms',
      '',
      'SERVER  SHARING  STARTING  READY  BUSY  RETIRING  MAX  LINE  SESSIONS  CALLS  STARTS  FAILED  RESTARTS  DIED  CIRCUIT  LAST ERROR',
      'memory  session         1      2     3         4   20     5         3      2    1234       6         -     9  -        Cannot start the server: it ended with exit code 3 before it was ready',
      'search  shared          0      2     -         2    5     0         4     12       3       0         2     -  closed',
      'brave   session         -      -     -         -    -     -         0      -       -       -         -     -  -        off: the environment variable BRAVE_API_KEY is not set',
    ]);
  });

  it('has no column for the circuit or for deaths when no server has any', () => {
    const { memory, brave } = status.servers;
    expect(draw({ ...status, servers: { memory } }).join('\n')).not.toContain('CIRCUIT');
    expect(draw({ ...status, servers: { brave } }).join('\n')).not.toContain('DIED');
  });

  it('says that the file was not taken, and that former configurations live on', () => {
    const [about, figures] = draw({ ...status, config: { loadedAt: 'x', lastError: 'no' }, retiring: [{}, {}] });
    expect(about).toMatch(/ · ready · the file is not valid and was not taken, see \/status$/);
    expect(figures).toContain(' · former configurations 2 · ');
    expect(draw({ ...status, config: { loadedAt: 'x' }, retiring: [] })).toEqual(draw(status));
  });

  it('says what an overloaded bridge refuses', () => {
    const [, line] = draw({ ...status, load: { loopDelayMs: 700, isRefusing: 'calls' } });
    expect(line).toMatch(/loop delay 700 ms · overloaded, new refused: calls$/);
  });

  it('says why the bridge is not ready, and what engine is missing', () => {
    const [line] = draw({ ...status, ready: false, notReady: 'draining', engine: { missing: 'not needed' } });
    expect(line).toBe('Gangway 1.2.3 · up 1 h 2 min · engine: not needed · draining');
  });

  it.each([
    [0, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [3599, '59 min'],
    [86_399, '23 h 59 min'],
    [90_000, '1 d 1 h'],
  ])('writes %i seconds as %s', (uptimeSeconds, text) => {
    expect(draw({ ...status, uptimeSeconds })[0]).toContain(`up ${text} ·`);
  });

  it('never has a line wider than the terminal', () => {
    for (let width = 1; width <= 250; width++) {
      const widest = Math.max(...draw(status, width).map((line) => line.length));
      expect(widest).toBeLessThanOrEqual(width);
    }
  });

  it('keeps what matters most when it is narrow', () => {
    expect(draw(status, 80).slice(3, 5)).toEqual([
      'SERVER  READY  BUSY  MAX  LINE  CALLS  FAILED  DIED  LAST ERROR',
      'memory      2     3   20     5      2       6     9  Cannot start the server: i…',
    ]);
    expect(draw(status, 40).slice(3, 5)).toEqual([
      'SERVER  READY  BUSY  LINE  LAST ERROR',
      'memory      2     3     5  Cannot start…',
    ]);
  });

  it('keeps its columns under each other at every width', () => {
    for (let width = 22; width <= 250; width++) {
      const [head = '', ...rows] = draw(status, width).slice(3);
      const end = head.indexOf('BUSY') + 'BUSY'.length;
      expect(rows.map((row) => row.slice(0, end).slice(-1))).toEqual(['3', '-', '-']);
    }
  });

  it.each([
    ['nothing', {}],
    ['servers without pools', { servers: { a: {}, b: { pool: 7 }, c: null } }],
    ['other types', { version: 1, sessions: 'many', engine: [], servers: { a: { sharing: 5, pool: { warm: 'x' } } } }],
    ['servers that are none', { servers: 'none' }],
  ])('shows what there is: %s', (_what, given) => {
    const lines = draw(given, 80);
    expect(lines[0]).toMatch(/ready$/);
    expect(lines[3]).toMatch(/^SERVER +/);
    expect(lines.join('\n')).not.toMatch(/undefined|NaN|object/);
  });

  it('lets nothing move the cursor or break a line', () => {
    const evil = '\u001b[2J\nforged\r\u202eline';
    const given = {
      ...{ version: evil, notReady: evil, engine: { kind: evil } },
      servers: { [evil]: { sharing: evil, disabled: evil, pool: { circuit: evil } }, b: { pool: { lastError: evil } } },
    };
    const lines = draw(given);
    expect(lines).toHaveLength(6);
    // eslint-disable-next-line no-control-regex -- these are what must not be there
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });
});
