import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FileWatch, type Content } from '../../src/service/file-watch.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { quietLog } from '../support/quiet-log.ts';
import { temporaryFolder } from '../support/program.ts';
import { until } from '../support/until.ts';

const clock = new ManualClock();
const { log, lines } = quietLog();

/** What was reported, the oldest first. */
let reported: Content[];
let held: Content;
let watch: FileWatch;

/** In a folder that does not exist: no event ever comes. */
function watchBlindly(): FileWatch {
  return new FileWatch('/nowhere/at/all/servers.yaml', 'first', {
    read: () => held,
    onChange: (content) => reported.push(content),
    clock,
    log,
  });
}

beforeEach(() => {
  [reported, held] = [[], 'first'];
  lines.length = 0;
  watch = watchBlindly();
});

afterEach(() => {
  watch.close();
  expect(clock.pending).toBe(0);
});

describe('FileWatch, without events,', () => {
  it('says once that changes are seen late', () => {
    watch.start();
    expect(lines).toMatchObject([{ level: 40, error: 'ENOENT', msg: expect.stringContaining('every 3 s') }]);
  });

  it('reports nothing while the file holds what is known', async () => {
    watch.start();
    await clock.advance(60_000);
    expect(reported).toEqual([]);
  });

  it('reports other contents once, when they have stood for 200 ms', async () => {
    watch.start();
    held = 'second';
    await clock.advance(3000);
    await clock.advance(199);
    expect(reported).toEqual([]);
    await clock.advance(1);
    await clock.advance(60_000);
    expect(reported).toEqual(['second']);
  });

  it('waits for a writer who is not done', async () => {
    watch.start();
    held = 'sec';
    await clock.advance(3000);
    held = 'second';
    await clock.advance(200);
    expect(reported).toEqual([]);
    await clock.advance(200);
    expect(reported).toEqual(['second']);
  });

  it('reports nothing when the old contents are back', async () => {
    watch.start();
    held = 'second';
    await clock.advance(3000);
    held = 'first';
    await clock.advance(60_000);
    expect(reported).toEqual([]);
  });

  it('reports that the file is gone, and that it is back', async () => {
    watch.start();
    held = undefined;
    await clock.advance(4000);
    held = 'first';
    await clock.advance(4000);
    expect(reported).toEqual([undefined, 'first']);
  });

  it('finds what changed before it began', async () => {
    held = 'second';
    watch.start();
    await clock.advance(200);
    expect(reported).toEqual(['second']);
  });
});

describe('FileWatch.know()', () => {
  it('takes the news out of what somebody else has read', async () => {
    watch.start();
    held = 'second';
    await clock.advance(3000);
    watch.know('second');
    await clock.advance(60_000);
    expect(reported).toEqual([]);
  });
});

describe('FileWatch.close()', () => {
  it('ends a wait that has begun', async () => {
    watch.start();
    held = 'second';
    await clock.advance(3000);
    watch.close();
    await clock.advance(60_000);
    expect(reported).toEqual([]);
  });
});

describe('FileWatch, with events,', () => {
  it.each([
    ['written in place', (file: string) => { writeFileSync(file, 'second'); }], // prettier-ignore
    ['replaced', (file: string) => { writeFileSync(`${file}~`, 'second'); renameSync(`${file}~`, file); }], // prettier-ignore
  ])('looks at once when the file is %s', async (_, change) => {
    using folder = temporaryFolder();
    const file = path.join(folder.path, 'servers.yaml');
    writeFileSync(file, 'first');
    watch = new FileWatch(file, 'first', {
      read: () => held,
      onChange: (content) => reported.push(content),
      clock,
      log,
    });
    watch.start();
    held = 'second';
    const idle = clock.pending;
    change(file);
    await until('a look', () => clock.pending > idle);
    await clock.advance(200);
    expect([reported, lines]).toEqual([['second'], []]);
  });
});
