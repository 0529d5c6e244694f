import { describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { EventLog, type EventLogLimits } from '../../src/legacy/event-log.ts';

function logOf(limits: Partial<EventLogLimits> = {}): EventLog {
  return new EventLog({ events: 1000, bytes: 1_000_000, ageMs: 1000, ...limits });
}

function fill(log: EventLog, ...texts: string[]): void {
  for (const text of texts) log.add({ stream: 1, seq: (lastSeq += 1), message: Bytes.from(text), at: 0 });
}
let lastSeq = 0;

const kept = (log: EventLog, stream = 1, seq = 0): string[] =>
  log.after(stream, seq).map(({ message }) => message.toString());

describe('EventLog.add()', () => {
  it('keeps as many events as it may, the newest', () => {
    const log = logOf({ events: 3 });
    fill(log, 'a', 'b', 'c', 'd', 'e');
    expect([kept(log), log.size]).toEqual([['c', 'd', 'e'], 3]);
  });

  it('keeps as many bytes as it may, of the newest', () => {
    const log = logOf({ bytes: 10 });
    fill(log, 'aaaa', 'bbbb', 'cc');
    const atLimit = kept(log);
    fill(log, 'd');
    expect([atLimit, kept(log)]).toEqual([
      ['aaaa', 'bbbb', 'cc'],
      ['bbbb', 'cc', 'd'],
    ]);
  });

  it('drops as many as one large event needs', () => {
    const log = logOf({ bytes: 10 });
    fill(log, 'a', 'b', 'c', 'd', '12345678');
    expect(kept(log)).toEqual(['c', 'd', '12345678']);
  });

  it('keeps one that is just as large as all may be', () => {
    const log = logOf({ bytes: 10 });
    fill(log, 'a', '1234567890');
    expect(kept(log)).toEqual(['1234567890']);
  });

  it('does not keep one that is larger, and drops no other for it', () => {
    const log = logOf({ bytes: 10 });
    fill(log, 'a', '12345678901', 'b');
    expect(kept(log)).toEqual(['a', 'b']);
  });

  it.each([{ events: 0 }, { bytes: 0 }])('keeps nothing with %j', (limits) => {
    const log = logOf(limits);
    fill(log, 'a');
    expect(log.size).toBe(0);
  });

  it('does not keep a large chunk for the sake of a small message in it', () => {
    const log = logOf();
    const chunk = Buffer.from(new ArrayBuffer(1_000_000));
    log.add({ stream: 1, seq: 1, message: Bytes.of(chunk.subarray(5, 10)), at: 0 });
    expect(log.after(1, 0)[0]?.message.parts[0]?.buffer).not.toBe(chunk.buffer);
  });

  it('keeps what was there when the chunk is written over', () => {
    const log = logOf();
    const chunk = Buffer.from('abcdef');
    log.add({ stream: 1, seq: 1, message: Bytes.of(chunk.subarray(1, 3)), at: 0 });
    chunk.fill('x');
    expect(kept(log)).toEqual(['bc']);
  });
});

describe('EventLog.expire()', () => {
  it('drops events of just that age', () => {
    const log = logOf({ ageMs: 1000 });
    for (const at of [0, 1, 2]) log.add({ stream: 1, seq: at + 1, message: Bytes.from(String(at)), at });
    log.expire(999);
    const early = kept(log);
    log.expire(1001);
    expect([early, kept(log)]).toEqual([['0', '1', '2'], ['2']]);
  });

  it('drops all when all are old', () => {
    const log = logOf({ ageMs: 1000 });
    fill(log, 'a', 'b');
    log.expire(5000);
    expect(log.size).toBe(0);
  });

  it('counts the bytes that are left', () => {
    const log = logOf({ bytes: 4, ageMs: 1000 });
    fill(log, 'aa', 'bb');
    log.expire(1000);
    fill(log, 'cc', 'dd');
    expect(kept(log)).toEqual(['cc', 'dd']);
  });

  it('is nothing for an empty log', () => {
    const log = logOf();
    log.expire(1_000_000);
    expect(log.size).toBe(0);
  });
});

describe('EventLog.after()', () => {
  it('gives the later events of one stream, in order', () => {
    const log = logOf();
    for (const [stream, seq] of [[1, 1], [2, 1], [1, 2], [2, 2], [1, 3]] as const) {
      log.add({ stream, seq, message: Bytes.from(`${stream}-${seq}`), at: 0 });
    } // prettier-ignore
    expect([kept(log, 1, 1), kept(log, 2, 0), kept(log, 1, 3), kept(log, 3, 0)]).toEqual([
      ['1-2', '1-3'],
      ['2-1', '2-2'],
      [],
      [],
    ]);
  });
});
