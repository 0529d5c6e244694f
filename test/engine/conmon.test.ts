import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConmonFiles, traceArgs } from '../../src/engine/conmon.ts';
import type { Exit } from '../../src/engine/engine.ts';
import { Fates } from '../../src/engine/fates.ts';
import { ownToken, processSpace } from '../../src/engine/labels.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';

const id = 'c'.repeat(64);

let home: string;
let clock: ManualClock;
let fates: Fates;
let conmon: ConmonFiles;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'conmon-test-'));
  mkdirSync(path.join(home, 'exits'));
  clock = new ManualClock();
  fates = new Fates();
  conmon = new ConmonFiles({ exits: path.join(home, 'exits'), bundles: home }, ownToken(), fates, clock);
});

afterEach(() => {
  conmon.end('a');
  rmSync(home, { recursive: true, force: true });
});

/** A container whose client was started. */
function begin(name = 'a'): { folder: string; known: { isRunning: boolean; exit: Exit | undefined } } {
  const known: { isRunning: boolean; exit: Exit | undefined } = { isRunning: false, exit: undefined };
  const { running, died } = fates.expect(name);
  void running.then(() => {
    known.isRunning = true;
  });
  void died.then((exit) => {
    known.exit = exit;
  });
  const folder = conmon.begin(name);
  if (folder === undefined) throw new Error('there is no folder');
  return { folder, known };
}

/** What Podman writes when the process in the container begins. */
function run(folder: string, monitorPid: number = process.pid): void {
  const args = traceArgs(folder);
  const file = (flag: string): string => args[args.indexOf(flag) + 1] ?? '';
  writeFileSync(file('--cidfile'), id);
  writeFileSync(file('--conmon-pidfile'), String(monitorPid));
  writeFileSync(file('--pidfile'), '12345');
}

function exit(code: string): void {
  writeFileSync(path.join(home, 'exits', id), code);
}

describe('ConmonFiles', () => {
  it('tells that the process runs when its id is written down', async () => {
    const { folder, known } = begin();
    run(folder);
    await until('it to run', () => known.isRunning);
    expect(fates.hasRun('a')).toBe(true);
  });

  it('tells the end and the exit code as soon as they are written down', async () => {
    const { folder, known } = begin();
    run(folder);
    await until('it to run', () => known.isRunning);
    exit('7');
    expect(await until('the exit', () => known.exit)).toEqual({ code: 7, signal: undefined });
  });

  it('says nothing of exits of others', async () => {
    const { folder, known } = begin();
    run(folder);
    await until('it to run', () => known.isRunning);
    writeFileSync(path.join(home, 'exits', 'f'.repeat(64)), '9');
    writeFileSync(path.join(home, 'exits', `${id}.TMP`), '9');
    exit('0');
    expect(await until('the exit', () => known.exit)).toEqual({ code: 0, signal: undefined });
  });

  it.each([
    ['the working directory of its client (conmon before 2.1.13)', (folder: string) => folder],
    ['its bundle', () => path.join(home, id, 'userdata')],
  ])('finds the mark of a lack of memory in %s', async (_where, place) => {
    const { folder, known } = begin();
    run(folder);
    await until('it to run', () => known.isRunning);
    mkdirSync(place(folder), { recursive: true });
    writeFileSync(path.join(place(folder), 'oom'), '');
    exit('137');
    expect(await until('the exit', () => known.exit)).toEqual({ code: 137, signal: undefined, isOomKilled: true });
  });

  it('finds that mark also when the client is the first to tell of the end', async () => {
    const { folder, known } = begin();
    writeFileSync(path.join(folder, 'oom'), '');
    conmon.end('a');
    fates.close('a', { code: 137, signal: undefined });
    expect(await until('the exit', () => known.exit)).toMatchObject({ isOomKilled: true });
  });

  it('notices a monitor that was killed, at the second look', async () => {
    const { folder, known } = begin();
    const monitor = spawn('sleep', ['60']);
    run(folder, monitor.pid);
    await until('it to run', () => known.isRunning);
    await clock.advance(5000);
    monitor.kill('SIGKILL');
    await once(monitor, 'exit');
    await clock.advance(250);
    expect(known.exit).toBeUndefined();
    await clock.advance(250);
    expect(known.exit).toEqual({ code: undefined, signal: undefined, lost: 'monitor' });
  });

  it('believes the exit code of a monitor that ended after it had written it', async () => {
    const { folder, known } = begin();
    const monitor = spawn('sleep', ['60']);
    run(folder, monitor.pid);
    await until('it to run', () => known.isRunning);
    exit('3');
    monitor.kill('SIGKILL');
    await once(monitor, 'exit');
    await clock.advance(1000);
    expect(known.exit).toEqual({ code: 3, signal: undefined });
  });

  it('takes each folder away with its container, and its own with the last', () => {
    const a = begin('a').folder;
    const b = begin('b').folder;
    conmon.end('a');
    expect([existsSync(a), existsSync(b)]).toEqual([false, true]);
    conmon.end('b');
    expect(existsSync(path.dirname(b))).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('does not mind a folder that cannot be taken away', () => {
    const root = path.dirname(begin('a').folder);
    rmSync(root, { recursive: true });
    writeFileSync(root, 'not a folder');
    expect(() => {
      conmon.end('a');
    }).not.toThrow();
    rmSync(root, { force: true });
    expect(clock.pending).toBe(0);
  });

  it('has another place when its own was cleared away', () => {
    const root = path.dirname(begin('a').folder);
    rmSync(root, { recursive: true });
    const b = begin('b').folder;
    expect(existsSync(b)).toBe(true);
    conmon.end('b');
    conmon.end('a');
    expect([existsSync(path.dirname(b)), clock.pending]).toEqual([false, 0]);
  });

  it('watches nothing for a container that can have no folder', () => {
    fates.expect('a/b');
    expect([conmon.begin('a/b'), clock.pending]).toEqual([undefined, 0]);
  });

  it('takes away what a run that was killed has left, and nothing of one that lives', () => {
    const dead = mkdtempSync(path.join(tmpdir(), `gangway-run-${processSpace()}.${2 ** 30}.1-`));
    const alive = mkdtempSync(path.join(tmpdir(), `gangway-run-${ownToken()}-`));
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'gangway-run-another.1.1-'));
    begin();
    expect([dead, alive, elsewhere].map((folder) => existsSync(folder))).toEqual([false, true, true]);
    for (const folder of [alive, elsewhere]) rmSync(folder, { recursive: true });
  });

  it('does without a place for exit codes that is not there', async () => {
    rmSync(path.join(home, 'exits'), { recursive: true });
    const { folder, known } = begin();
    run(folder, 2 ** 30);
    await until('it to run', () => known.isRunning);
    await clock.advance(5000);
    expect(known.exit).toBeUndefined();
  });
});
