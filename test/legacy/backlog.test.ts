import { beforeEach, describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { Backlog } from '../../src/legacy/backlog.ts';

let backlog: Backlog;

beforeEach(() => {
  backlog = new Backlog();
});

function kept(): string[] {
  return backlog.take().map((message) => message.toString());
}

describe('Backlog', () => {
  it('gives back what was kept, oldest first', () => {
    for (const text of ['a', 'b', 'c']) backlog.push(Bytes.from(text));
    expect(kept()).toEqual(['a', 'b', 'c']);
  });

  it('is empty after take()', () => {
    backlog.push(Bytes.from('a'));
    backlog.take();
    expect(kept()).toEqual([]);
  });

  it('keeps 256 messages, and drops the oldest', () => {
    for (let i = 0; i < 300; i++) backlog.push(Bytes.from(String(i)));
    const all = kept();
    expect([all.length, all[0], all.at(-1), backlog.dropped]).toEqual([256, '44', '299', 44]);
  });

  it('keeps 1 MiB, and drops the oldest', () => {
    for (let i = 0; i < 5; i++) backlog.push(Bytes.of(Buffer.alloc(300 * 1024, String(i))));
    expect(kept().map((text) => text[0])).toEqual(['2', '3', '4']);
  });

  it('keeps the newest, however large', () => {
    backlog.push(Bytes.from('a'));
    backlog.push(Bytes.of(Buffer.alloc(3 * 1024 * 1024, 'b')));
    expect(kept().map((text) => text[0])).toEqual(['b']);
  });

  it('counts its bytes anew after take()', () => {
    for (let i = 0; i < 3; i++) backlog.push(Bytes.of(Buffer.alloc(300 * 1024)));
    backlog.take();
    for (let i = 0; i < 3; i++) backlog.push(Bytes.of(Buffer.alloc(300 * 1024)));
    expect([kept().length, backlog.dropped]).toEqual([3, 0]);
  });

  it('keeps copies: the chunk that a line lay in may change or be large', () => {
    const chunk = Buffer.from('abc');
    backlog.push(Bytes.of(chunk.subarray(0, 1)));
    chunk.fill('x');
    expect(kept()).toEqual(['a']);
  });

  it('does not keep a large chunk for the sake of a small line in it', () => {
    backlog.push(Bytes.of(Buffer.alloc(1024 * 1024).subarray(0, 5000)));
    // Node’s own pool for small buffers is as large as 64 KiB.
    expect(backlog.take()[0]?.parts[0]?.buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
  });
});
