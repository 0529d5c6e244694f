import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { goodHistory, lateOpenedHistory, overloadedHistory } from '../support/chaos-history.ts';
import { temporaryFolder } from '../support/program.ts';

const program = fileURLToPath(new URL('../../bench/chaos/run.mjs', import.meta.url));
const folder = temporaryFolder();
const file = path.join(folder.path, 'history.json');
writeFileSync(file, JSON.stringify(goodHistory()));
afterAll(() => {
  folder[Symbol.dispose]();
});

function check(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  return checkFile(file, ...args);
}

function checkFile(history: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--check', history, ...args], {
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

describe('The checker of bench/chaos', () => {
  it('finds nothing in a run in which all went well', () => {
    const { code, stdout } = check();
    expect(stdout).toContain('## podman: no violation');
    expect(code).toBe(0);
  });

  it('ends with 1 and names what it found', () => {
    const { code, stdout } = check('--plant', 'swapped-answers');
    expect(stdout).toContain('- `own-nonce`: common echo');
    expect(code).toBe(1);
  });

  it('takes OVERLOADED for an answer when the bridge has counted it', () => {
    const busy = path.join(folder.path, 'busy.json');
    writeFileSync(busy, JSON.stringify(overloadedHistory()));
    const { code, stdout } = checkFile(busy);
    expect(stdout).toContain('| refused: OVERLOADED | 1 | 0 |');
    expect(stdout).toContain('in 1 samples it refused what is new for that');
    expect(code).toBe(0);
  });

  it('knows that a session ends with its bridge, also one that was being opened then', () => {
    const late = path.join(folder.path, 'late.json');
    writeFileSync(late, JSON.stringify(lateOpenedHistory()));
    const { code, stdout } = checkFile(late);
    expect(stdout).toContain('| refused: SESSION_UNKNOWN | 1 | 0 |');
    expect(code).toBe(0);
  });

  // One line for each: "fault: rules".
  const found = new Map(
    check('--plant', 'all')
      .stderr.split('\n')
      .map((line): [string, string] => [line.split(': ')[0]!, line.split(': ')[1] ?? '']),
  );

  it.each([
    ['swapped-answers', 'own-nonce'],
    ['dropped-answer', 'answered-once'],
    ['doubled-answer', 'answered-once'],
    ['late-answer', 'in-time'],
    ['foreign-progress', 'own-nonce'],
    ['shared-container', 'own-container'],
    ['fault-felt-by-another', 'explained'],
    ['lost-session', 'explained'],
    ['cut-by-nobody', 'explained'],
    ['internal-error', 'explained'],
    ['refused-without-need', 'explained'],
    ['refusals-only', 'work'],
    ['never-well-again', 'heals'],
    ['held-without-slot', 'slots'],
    ['too-many-slots', 'cap'],
    ['leaked-container', 'strangers'],
    ['slot-without-container', 'ghosts'],
    ['half-made-container', 'strays'],
    ['orphan-not-swept', 'swept'],
    ['blind-sampler', 'watched'],
    ['crashed-bridge', 'orderly'],
    ['wrong-exit-code', 'orderly'],
    ['slow-drain', 'orderly'],
    ['container-left', 'nothing-left'],
    ['process-left', 'nothing-left'],
    ['descriptors-left', 'at-rest'],
    ['memory-left', 'at-rest'],
    ['memory-leak', 'steady'],
  ])('finds a planted fault: %s', (fault, rule) => {
    expect(found.get(fault)?.split(' ')).toContain(rule);
  });
});
