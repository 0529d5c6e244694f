import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import type { PackageSource } from '../../src/config/config.ts';
import { ImageStore, type ImageClient } from '../../src/engine/image-store.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';

class FakeClient implements ImageClient {
  /** What names stand for. */
  readonly ids = new Map<string, string>();
  asks = 0;

  idOf(image: string): Promise<string | undefined> {
    this.asks += 1;
    return Promise.resolve(this.ids.get(image));
  }

  readonly asked: string[] = [];
  present = new Set<string>();
  /** Why a pull or build fails. */
  failure: string | undefined;
  /** A pull or build waits for it. */
  work: Promise<void> = Promise.resolve();

  has(image: string): Promise<boolean> {
    this.asked.push(`has ${image}`);
    return Promise.resolve(this.present.has(image));
  }

  async pull(image: string): Promise<string | undefined> {
    this.asked.push(`pull ${image}`);
    await this.work;
    if (this.failure === undefined) this.present.add(image);
    return this.failure;
  }

  async build(
    tag: string,
    containerfile: string,
    context: string,
    _progress: (line: string) => void,
  ): Promise<string | undefined> {
    this.asked.push(`build ${path.basename(containerfile)} ${path.basename(context)} ${tag}`);
    await this.work;
    if (this.failure === undefined) this.present.add(tag);
    return this.failure;
  }

  count(verb: string): number {
    return this.asked.filter((line) => line.startsWith(`${verb} `)).length;
  }
}

const quiet = (): void => undefined;
let client: FakeClient;
let clock: ManualClock;
let store: ImageStore;

beforeEach(() => {
  client = new FakeClient();
  clock = new ManualClock();
  store = new ImageStore(client, clock);
});

describe('ImageStore.ensure()', () => {
  it('shares one pull among all who wait for an image', async () => {
    const work = deferred();
    client.work = work.promise;
    const all = Promise.all(Array.from({ length: 50 }, () => store.ensure('a', 'missing', quiet)));
    await settle();
    work.resolve();
    await all;
    expect(client.count('pull')).toBe(1);
  });

  it('pulls two images on their own', async () => {
    await Promise.all([store.ensure('a', 'missing', quiet), store.ensure('b', 'missing', quiet)]);
    expect(client.count('pull')).toBe(2);
  });

  it('with "missing" does not pull an image that is there', async () => {
    client.present.add('a');
    await store.ensure('a', 'missing', quiet);
    expect(client.asked).toEqual(['has a']);
  });

  it('with "missing" pulls an image that is not there', async () => {
    await store.ensure('a', 'missing', quiet);
    expect(client.asked).toEqual(['has a', 'pull a']);
  });

  it('with "always" pulls an image that is there', async () => {
    client.present.add('a');
    await store.ensure('a', 'always', quiet);
    expect(client.asked).toEqual(['pull a']);
  });

  it('with "always" pulls once for each run of Gangway', async () => {
    await store.ensure('a', 'always', quiet);
    await store.ensure('a', 'always', quiet);
    expect(client.count('pull')).toBe(1);
  });

  it('with "never" takes an image that is there', async () => {
    client.present.add('a');
    await expect(store.ensure('a', 'never', quiet)).resolves.toBeUndefined();
  });

  it('with "never" throws IMAGE_UNAVAILABLE and pulls nothing', async () => {
    await expect(store.ensure('a', 'never', quiet)).rejects.toMatchObject({ code: 'IMAGE_UNAVAILABLE' });
    expect(client.count('pull')).toBe(0);
  });

  it.each([
    ['reading manifest latest: manifest unknown', 'the registry does not have it'],
    ['unauthorized: authentication required', 'the registry wants a login, or does not have it'],
    ['dial tcp: lookup registry on 10.0.0.53:53: no such host', 'the registry cannot be reached'],
    ['write /var/lib/x: no space left on device', 'there is no space left'],
    ['something new', 'the engine failed, the log has its words'],
  ])('throws IMAGE_UNAVAILABLE that says why, but not in the engine’s own words: %s', async (failure, why) => {
    client.failure = failure;
    await expect(store.ensure('a', 'missing', quiet)).rejects.toMatchObject({
      message: `Cannot pull image "a": ${why}`,
      cause: failure,
    });
  });

  it('throws IMAGE_UNAVAILABLE that says why a pull failed', async () => {
    client.failure = 'manifest unknown';
    await expect(store.ensure('a', 'missing', quiet)).rejects.toMatchObject({
      code: 'IMAGE_UNAVAILABLE',
      message: 'Cannot pull image "a": the registry does not have it',
    });
  });

  it('gives the failure of one pull to all who waited for it', async () => {
    client.failure = 'denied';
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => store.ensure('a', 'missing', quiet)));
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  });

  it('believes a failure for 30 s', async () => {
    client.failure = 'denied';
    await expect(store.ensure('a', 'missing', quiet)).rejects.toThrow();
    await clock.advance(29_999);
    await expect(store.ensure('a', 'missing', quiet)).rejects.toThrow();
    expect(client.count('pull')).toBe(1);
  });

  it('tries again 30 s after a failure', async () => {
    client.failure = 'denied';
    await expect(store.ensure('a', 'missing', quiet)).rejects.toThrow();
    await clock.advance(30_000);
    client.failure = undefined;
    await store.ensure('a', 'missing', quiet);
    expect(client.count('pull')).toBe(2);
  });

  it('remembers nothing when it could not ask: that says nothing about the image', async () => {
    client.present.add('a');
    client.has = () => Promise.reject(new BridgeError('OVERLOADED', 'Cannot start a program: no descriptors'));
    await expect(store.ensure('a', 'missing', quiet)).rejects.toMatchObject({ code: 'OVERLOADED' });
    client.has = () => Promise.resolve(true);
    await expect(store.ensure('a', 'missing', quiet)).resolves.toBeUndefined();
  });

  it('does not let one image’s failure stand for another', async () => {
    client.failure = 'denied';
    await expect(store.ensure('a', 'missing', quiet)).rejects.toThrow();
    client.failure = undefined;
    await expect(store.ensure('b', 'missing', quiet)).resolves.toBeUndefined();
  });

  it('asks the engine nothing for an image that is known', async () => {
    await store.ensure('a', 'missing', quiet);
    client.asked.length = 0;
    await store.ensure('a', 'missing', quiet);
    expect(client.asked).toEqual([]);
  });

  it('tells the one who began that it pulls', async () => {
    const told: string[] = [];
    await store.ensure('a', 'missing', (line) => told.push(line));
    expect(told).toEqual(['pulling a']);
  });
});

describe('ImageStore.forget()', () => {
  it('makes the next one look again', async () => {
    await store.ensure('a', 'missing', quiet);
    client.present.clear();
    store.forget('a');
    await store.ensure('a', 'missing', quiet);
    expect(client.count('pull')).toBe(2);
  });

  it('does nothing for an image that is not known', () => {
    expect(() => {
      store.forget('a');
    }).not.toThrow();
  });

  it('does not begin a second pull beside one that is under way', async () => {
    const work = deferred();
    client.work = work.promise;
    const first = store.ensure('a', 'missing', quiet);
    await settle();
    store.forget('a');
    const second = store.ensure('a', 'missing', quiet);
    await settle();
    work.resolve();
    await Promise.all([first, second]);
    expect(client.count('pull')).toBe(1);
  });
});

describe('ImageStore.build()', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'My Server-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, text = ''): void => {
    writeFileSync(path.join(folder, name), text);
  };

  it('throws BUILD_FAILED for a folder without a Containerfile or Dockerfile', async () => {
    await expect(store.build(folder, quiet)).rejects.toMatchObject({ code: 'BUILD_FAILED' });
  });

  it('returns a valid tag that names the folder', async () => {
    write('Containerfile');
    expect(await store.build(folder, quiet)).toMatch(/^localhost\/gangway\/my-server-[a-z0-9-]*[a-z0-9]:[0-9a-f]{12}$/);
  });

  it('returns the tag under which it was built', async () => {
    write('Containerfile');
    const tag = await store.build(folder, quiet);
    expect(client.asked).toEqual([`has ${tag}`, `build Containerfile ${path.basename(folder)} ${tag}`]);
  });

  it('does not build what was built from the same before', async () => {
    write('Containerfile');
    client.present.add(await new ImageStore(new FakeClient(), clock).build(folder, quiet));
    await store.build(folder, quiet);
    expect(client.count('build')).toBe(0);
  });

  it('does not look at the folder again by itself', async () => {
    write('Containerfile');
    const tag = await store.build(folder, quiet);
    write('Containerfile', 'FROM other');
    expect(await store.build(folder, quiet)).toBe(tag);
  });

  it('builds again when the engine said that the image is gone', async () => {
    write('Containerfile');
    store.forget(await store.build(folder, quiet));
    client.present.clear();
    await store.build(folder, quiet);
    expect(client.count('build')).toBe(2);
  });

  it('builds once for all who ask', async () => {
    writeFileSync(path.join(folder, 'Containerfile'), '');
    await Promise.all([store.build(folder, quiet), store.build(folder, quiet)]);
    await store.build(folder, quiet);
    expect(client.count('build')).toBe(1);
  });

  it('throws BUILD_FAILED that says why', async () => {
    writeFileSync(path.join(folder, 'Containerfile'), '');
    client.failure = 'no space left on device';
    await expect(store.build(folder, quiet)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: 'Cannot build the server: the builder failed, the log has its output',
      cause: 'no space left on device',
    });
  });
});

describe('ImageStore.renew()', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'server-'));
    writeFileSync(path.join(folder, 'Containerfile'), '');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const change = (): void => {
    writeFileSync(path.join(folder, 'Containerfile'), `FROM ${Math.random()}`);
  };

  it('builds a folder that has changed, and that is what is used from then on', async () => {
    const before = await store.build(folder, quiet);
    change();
    const after = await store.renew(folder, quiet);
    expect(after).not.toBe(before);
    expect(await store.build(folder, quiet)).toBe(after);
  });

  it('builds nothing when nothing has changed', async () => {
    const tag = await store.build(folder, quiet);
    client.present.add(tag);
    expect(await store.renew(folder, quiet)).toBe(tag);
    expect(client.count('build')).toBe(1);
  });

  it('asks the builder all the same when it is forced to', async () => {
    client.present.add(await store.build(folder, quiet));
    await store.renew(folder, quiet, true);
    expect(client.count('build')).toBe(2);
  });

  it('that fails leaves in use what was there', async () => {
    const before = await store.build(folder, quiet);
    change();
    client.failure = 'no';
    await expect(store.renew(folder, quiet)).rejects.toMatchObject({ code: 'BUILD_FAILED' });
    expect(await store.build(folder, quiet)).toBe(before);
  });

  it('does not believe a failure from before', async () => {
    client.failure = 'no';
    await expect(store.build(folder, quiet)).rejects.toThrow();
    client.failure = undefined;
    await expect(store.renew(folder, quiet)).resolves.toMatch(/^localhost/);
  });

  it('sees what changed while a build was under way', async () => {
    const work = deferred();
    client.work = work.promise;
    const first = store.build(folder, quiet);
    await until('the builder to be asked', () => client.count('build') === 1);
    change();
    const second = store.renew(folder, quiet);
    work.resolve();
    expect(await second).not.toBe(await first);
  });

  it('builds once for all who ask while it is built', async () => {
    client.present.add(await store.build(folder, quiet));
    const work = deferred();
    client.work = work.promise;
    change();
    const tags = Promise.all([store.renew(folder, quiet), store.renew(folder, quiet)]);
    await until('the builder to be asked', () => client.count('build') >= 2);
    // As long as it takes to read the folder: time enough to ask once more.
    for (let i = 0; i < 5; i++) await new ImageStore(new FakeClient(), clock).build(folder, quiet);
    work.resolve();
    expect(new Set(await tags).size).toBe(1);
    expect(client.count('build')).toBe(2);
  });
});

describe('ImageStore.package()', () => {
  const source = {
    ...{ kind: 'package', registry: 'npm', name: 'server', version: '1.0.0' },
    ...{ base: 'docker.io/library/node:22-bookworm-slim', scripts: false },
  } as PackageSource;

  it('builds an image for a package once, from a folder that is gone afterwards', async () => {
    const folders: string[] = [];
    client.build = (_tag, containerfile, context) => {
      folders.push(context);
      expect(readFileSync(containerfile, 'utf8')).toContain(`FROM ${source.base}\n`);
      expect(JSON.parse(readFileSync(path.join(context, 'package.json'), 'utf8'))).toEqual({
        private: true,
        dependencies: { server: '1.0.0' },
      });
      return Promise.resolve(undefined);
    };
    const [one, two] = await Promise.all([store.package(source, quiet), store.package(source, quiet)]);
    expect([one, folders.length, existsSync(folders[0]!)]).toEqual([two, 1, false]);
  });

  it('uses the image that is there', async () => {
    client.present.add(await new ImageStore(new FakeClient(), clock).package(source, quiet));
    await store.package(source, quiet);
    expect(client.count('build')).toBe(0);
  });

  it('throws BUILD_FAILED that says why in words for anybody, and believes it for 30 s', async () => {
    client.build = (_tag, _file, _context, progress) => {
      client.asked.push('build');
      progress('npm error code E404');
      return Promise.resolve('exit status 1');
    };
    const error = { code: 'BUILD_FAILED', cause: 'exit status 1' };
    const message = 'Cannot install npm:server@1.0.0: the registry does not have this version of it';
    await expect(store.package(source, quiet)).rejects.toMatchObject({ ...error, message });
    await expect(store.package(source, quiet)).rejects.toMatchObject({ ...error, message });
    expect(client.asked.filter((line) => line === 'build')).toHaveLength(1);
  });
});

describe('ImageStore, what the name of an image stands for,', () => {
  it('is asked once, and again when it may be something else', async () => {
    const client = new FakeClient();
    const store = new ImageStore(client, new ManualClock());
    client.ids.set('demo', 'sha256:1');
    const looks = [await store.identified('demo'), await store.identified('demo')];
    client.ids.set('demo', 'sha256:2');
    store.lookAgain('demo');
    expect([...looks, await store.identified('demo')].map(({ digest }) => digest)).toEqual([
      'sha256:1',
      'sha256:1',
      'sha256:2',
    ]);
    expect(client.asks).toBe(2);
  });

  it('keeps no server from starting when it cannot be told', async () => {
    const store = new ImageStore(new FakeClient(), new ManualClock());
    expect(await store.identified('demo')).toEqual({ kind: 'image', image: 'demo' });
  });
});
