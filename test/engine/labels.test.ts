import { describe, expect, it } from '@jest/globals';
import { containerName, labelKeys, labelsFor, ownerOf, startTime, unknownStart } from '../../src/engine/labels.ts';

describe('ownerOf()', () => {
  it('gives the same instance for the same installation', () => {
    expect(ownerOf('/etc/a.yaml\n8808', {}).instance).toBe(ownerOf('/etc/a.yaml\n8808', {}).instance);
  });

  it('gives another instance for another installation', () => {
    expect(ownerOf('/etc/a.yaml\n8808', {}).instance).not.toBe(ownerOf('/etc/a.yaml\n8809', {}).instance);
  });

  it('does not tell the installation', () => {
    expect(ownerOf('/home/alice/a.yaml', {}).instance).toMatch(/^[0-9a-f]{12}$/);
  });

  it('takes GANGWAY_INSTANCE', () => {
    expect(ownerOf('x', { GANGWAY_INSTANCE: 'blue-1' }).instance).toBe('blue-1');
  });

  it('takes an empty GANGWAY_INSTANCE for none', () => {
    expect(ownerOf('x', { GANGWAY_INSTANCE: '' }).instance).toBe(ownerOf('x', {}).instance);
  });

  it('makes a label value of any GANGWAY_INSTANCE', () => {
    expect(ownerOf('x', { GANGWAY_INSTANCE: `a b\n=,~ü/${'x'.repeat(100)}` }).instance).toMatch(
      /^[a-zA-Z0-9._-]{1,64}$/,
    );
  });

  it('names this process in the token', () => {
    const [space, pid, start] = ownerOf('x', {}).token.split('.');
    expect({ space, pid, start }).toEqual({
      space: expect.stringMatching(/^[0-9a-f]{12}$/),
      pid: String(process.pid),
      start: startTime(process.pid) ?? 'x',
    });
  });

  it('gives the same token for every installation of this process', () => {
    expect(ownerOf('x', {}).token).toBe(ownerOf('y', {}).token);
  });
});

describe('containerName()', () => {
  it('names Gangway and the server', () => {
    expect(containerName('memory')).toMatch(/^gangway-memory-[0-9a-f]{12}$/);
  });

  it('is never the same twice', () => {
    const names = Array.from({ length: 10_000 }, () => containerName('a'));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('labelsFor()', () => {
  it('says whose it is, which server, and since when in seconds', () => {
    const labels = labelsFor({ instance: 'i', token: 't' }, 'memory', new Date(1_700_000_000_999));
    expect(labels).toEqual({
      'io.gangway.instance': 'i',
      'io.gangway.owner': 't',
      'io.gangway.server': 'memory',
      'io.gangway.started': '1700000000',
    });
  });

  it('has each key that is read back', () => {
    expect(Object.keys(labelsFor({ instance: 'i', token: 't' }, 's', new Date()))).toEqual(Object.values(labelKeys));
  });
});

describe('startTime()', () => {
  it('is undefined for a process that does not exist', () => {
    expect(startTime(2 ** 30)).toBeUndefined();
  });

  it.each(['EMFILE', 'ENFILE', 'EACCES'])('takes no process for gone that cannot be looked at: %s', (code) => {
    const read = (): string => {
      throw Object.assign(new Error(code), { code });
    };
    expect(startTime(process.pid, read)).toBe(unknownStart);
  });

  it.each(['ENOENT', 'ESRCH'])('is undefined for one that ends while it is looked at: %s', (code) => {
    const read = (): string => {
      throw Object.assign(new Error(code), { code });
    };
    expect(startTime(process.pid, read)).toBeUndefined();
  });
});
