import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SessionIds } from '../../src/legacy/session-id.ts';

const key = Buffer.alloc(32, 7);
const ids = new SessionIds('owner-1', key);
const now = 1_700_000_000;

describe('SessionIds.mint()', () => {
  it('names the server, the bridge and the start, and signs all of it', () => {
    const id = ids.mint('memory', now);
    const body = id.slice(0, id.lastIndexOf('~'));
    expect(body.split('~').toSpliced(3, 1)).toEqual(['memory', 'owner-1', now.toString(36)]);
    expect(id.slice(body.length + 1)).toBe(createHmac('sha256', key).update(body).digest('base64url'));
  });

  it('makes no id twice', () => {
    const minted = Array.from({ length: 5000 }, () => ids.mint('memory', now));
    expect(new Set(minted).size).toBe(minted.length);
  });

  it('uses visible ASCII only', () => {
    expect(ids.mint('memory', now)).toMatch(/^[\x21-\x7e]+$/);
  });

  it('has 128 bits of chance in it', () => {
    const random = ids.mint('memory', now).split('~')[3] ?? '';
    expect(Buffer.from(random, 'base64url')).toHaveLength(16);
  });

  it('signs with a key of the process unless it is given one', () => {
    const id = new SessionIds('owner-1').mint('memory', now);
    const body = id.slice(0, id.lastIndexOf('~'));
    expect(id.slice(body.length + 1)).not.toBe(createHmac('sha256', key).update(body).digest('base64url'));
  });
});
