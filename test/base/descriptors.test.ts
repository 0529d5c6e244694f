import { closeSync, openSync, readdirSync } from 'node:fs';
import { devNull } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { maxDescriptors, openDescriptors } from '../../src/base/descriptors.ts';

(process.platform === 'linux' ? describe : describe.skip)('openDescriptors()', () => {
  it('is the number of entries of /proc/self/fd, give or take the look itself', () => {
    const listed = readdirSync('/proc/self/fd').length;
    expect(Math.abs((openDescriptors() ?? 0) - listed)).toBeLessThanOrEqual(1);
  });

  it('grows and shrinks with what is opened and closed', () => {
    const before = openDescriptors() ?? 0;
    const opened = Array.from({ length: 20 }, () => openSync(devNull, 'r'));
    expect(openDescriptors()).toBe(before + 20);
    for (const descriptor of opened) closeSync(descriptor);
    expect(openDescriptors()).toBe(before);
  });
});

(process.platform === 'linux' ? describe : describe.skip)('maxDescriptors()', () => {
  it('is more than are open', () => {
    expect(maxDescriptors()).toBeGreaterThan(openDescriptors() ?? 0);
  });
});
