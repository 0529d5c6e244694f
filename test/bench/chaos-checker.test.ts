import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { goodHistory } from '../support/chaos-history.ts';
import { temporaryFolder } from '../support/program.ts';

const program = fileURLToPath(new URL('../../bench/chaos/run.mjs', import.meta.url));
const folder = temporaryFolder();
const file = path.join(folder.path, 'history.json');
writeFileSync(file, JSON.stringify(goodHistory()));
afterAll(() => {
  folder[Symbol.dispose]();
});

/** What the checker says of the good history, with a fault planted into it or without. */
function check(...args: string[]): { code: number | null; rules: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--check', file, ...args], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  const rules = /^### Violations: (.*)$/m.exec(stdout)?.[1] ?? '';
  return { code: status, rules: rules.split(', ').map((each) => each.replace(/ \d+$/, '')) };
}

describe('The checker of bench/chaos', () => {
  it('finds nothing in a run in which all went well', () => {
    expect(check()).toEqual({ code: 0, rules: [''] });
  });

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
    const { code, rules } = check('--plant', fault);
    expect(rules).toContain(rule);
    expect(code).toBe(1);
  });
});
