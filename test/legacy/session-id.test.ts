import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SessionIds } from '../../src/legacy/session-id.ts';

const key = Buffer.alloc(32, 7);
const ids = new SessionIds('owner-1', key);
const now = 1_700_000_000;

describe('SessionIds.mint()', () => {
  it('makes ids that are its own', () => {
    expect(ids.isOurs(ids.mint('memory', now), 'memory')).toBe(true);
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
    const other = new SessionIds('owner-1');
    expect(ids.isOurs(other.mint('memory', now), 'memory')).toBe(false);
  });
});

describe('SessionIds.isOurs()', () => {
  it('refuses an id of another server', () => {
    expect(ids.isOurs(ids.mint('memory', now), 'fetch')).toBe(false);
  });

  it('refuses an id of a server whose name begins the same', () => {
    expect([ids.isOurs(ids.mint('memory', now), 'mem'), ids.isOurs(ids.mint('mem', now), 'memory')]).toEqual([
      false,
      false,
    ]);
  });

  it('refuses an id of another owner with the same key', () => {
    expect(ids.isOurs(new SessionIds('owner-2', key).mint('memory', now), 'memory')).toBe(false);
  });

  it('knows an id of its owner’s former run with the same key', () => {
    expect(ids.isOurs(new SessionIds('owner-1', key).mint('memory', now), 'memory')).toBe(true);
  });

  it.each(['', '~', '~~~~', 'memory', 'memory~owner-1~', 'memory~owner-1~~~', 'ü', 'x'.repeat(10_000)])(
    'refuses %j',
    (id) => {
      expect(ids.isOurs(id, 'memory')).toBe(false);
    },
  );

  it('refuses an id with anything before or after it', () => {
    const id = ids.mint('memory', now);
    expect([` ${id}`, `${id} `, `${id}=`, `${id}~`, `~${id}`].map((text) => ids.isOurs(text, 'memory'))).toEqual(
      Array(5).fill(false),
    );
  });

  it('refuses an id of which any one character was changed', () => {
    const id = ids.mint('memory', now);
    fc.assert(
      fc.property(fc.nat({ max: id.length - 1 }), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
        fc.pre(id[at] !== char);
        expect(ids.isOurs(id.slice(0, at) + char + id.slice(at + 1), 'memory')).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses an id that was cut at any place', () => {
    const id = ids.mint('memory', now);
    const prefixes = Array.from({ length: id.length }, (_, length) => id.slice(0, length));
    expect(prefixes.filter((prefix) => ids.isOurs(prefix, 'memory'))).toEqual([]);
  });

  it('refuses whatever was not minted', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        expect(ids.isOurs(id, 'memory')).toBe(false);
      }),
    );
  });

  it('takes what was minted for any server name, for just that name', () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?$/);
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(ids.isOurs(ids.mint(one, now), other)).toBe(one === other);
      }),
    );
  });
});
