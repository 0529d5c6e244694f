import { describe, expect, it } from '@jest/globals';
import { parseArguments, usage } from '../../src/cli/args.ts';

const refusal = (argv: readonly string[]): string => {
  try {
    parseArguments(argv);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message;
  }
  return 'taken';
};

const operands: Readonly<Record<string, readonly string[]>> = {
  ...{ serve: [], check: [], tools: ['fetch'], call: ['fetch', 'get'], ps: [] },
  ...{ top: [], logs: ['fetch'], recycle: ['fetch'], drain: [], build: ['fetch'], schema: [] },
  ...{ add: ['docker.io/mcp/time'], import: ['mcp.json'], connect: [] },
};

describe('parseArguments()', () => {
  it.each(Object.entries(operands))('takes %s %j', (command, words) => {
    expect(parseArguments([command, ...words])).toMatchObject({ command, operands: words });
  });

  it('takes no command for serve', () => {
    expect(parseArguments([]).command).toBe('serve');
  });

  it.each([
    [['top', 'fetch'], '"gangway top" got 1 operands'],
    [['logs'], '"gangway logs" got 0 operands'],
    [['logs', 'a', 'b'], '"gangway logs" got 2 operands'],
    [['recycle'], '"gangway recycle" got 0 operands'],
    [['drain', 'fetch'], '"gangway drain" got 1 operands'],
    [['recycl', 'fetch'], 'did you mean recycle?'],
    [['top', '--onc'], 'did you mean --once?'],
    [['logs', 'fetch', '--lines', '-1'], '--lines'],
    [['logs', 'fetch', '--lines=ten'], '--lines got "ten", wanted a whole number from 0 to 1000'],
    [['logs', 'fetch', '--lines=1001'], '--lines got "1001", wanted a whole number from 0 to 1000'],
    [['logs', 'fetch', '--lines=1e2'], '--lines got "1e2"'],
    [['logs', 'fetch', '--lines='], '--lines got ""'],
    [['import'], '"gangway import" got 0 operands'],
    [['connect', 'cursor', '--write', '--print'], 'got --print and --write, wanted one of them'],
    [['top', '--port', '65536'], '--port got "65536", wanted a whole number from 0 to 65535'],
  ])('refuses %j', (argv, why) => {
    expect(refusal(argv)).toContain(why);
  });

  it('reads what logs needs', () => {
    expect(parseArguments(['logs', 'fetch', '-n', '7', '-f'])).toMatchObject({ lines: 7, isFollow: true });
    expect(parseArguments(['logs', 'fetch', '--lines', '0', '--follow'])).toMatchObject({ lines: 0, isFollow: true });
    expect(parseArguments(['logs', 'fetch'])).toMatchObject({ lines: 50, isFollow: false });
  });

  it('reads what add needs', () => {
    const words = ['add', 'x', '-e', 'A=1', '--env', 'B', '--shared', '--name', 'y', '--', '--env'];
    expect(parseArguments(words)).toMatchObject({
      ...{ operands: ['x', '--env'], env: ['A=1', 'B'], isShared: true, name: 'y', isReplace: false, isDryRun: false },
    });
  });

  it('reads what top needs', () => {
    expect(parseArguments(['top', '--once', '--host', '::1', '-p', '1'])).toMatchObject({
      ...{ isOnce: true, isJson: false, overrides: { host: '::1', port: 1 } },
    });
    expect(parseArguments(['top', '--json'])).toMatchObject({ isOnce: false, isJson: true });
  });
});

describe('usage', () => {
  it.each(Object.keys(operands))('has a line for %s', (command) => {
    expect(usage).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });

  it('has lines of at most 100 characters', () => {
    expect(usage.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});
