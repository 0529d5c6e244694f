import { describe, expect, it } from '@jest/globals';
import { isLoopback } from '../../src/config/loopback.ts';

describe('isLoopback()', () => {
  it.each(['localhost', 'LocalHost', '127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '[::1]'])(
    'is true for %p',
    (host) => {
      expect(isLoopback(host)).toBe(true);
    },
  );

  it.each([
    '',
    '0.0.0.0',
    '::',
    '[::]',
    '10.0.0.1',
    '128.0.0.1',
    '127.0.0.1.example.com',
    '127.example.com',
    'localhost.example.com',
    'notlocalhost',
    '127.1',
    '0127.0.0.1',
    '2130706433',
    '[::1',
    '::1]',
    '::ffff:10.0.0.1',
    ' 127.0.0.1',
    '127.0.0.1 ',
  ])('is false for %p', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
