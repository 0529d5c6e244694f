import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readBuildContext } from '../../src/engine/build-context.ts';
import { temporaryFolder } from '../support/program.ts';

let folder: ReturnType<typeof temporaryFolder>;
const at = (name: string): string => path.join(folder.path, name);
const write = (name: string, text = name): void => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
};
const digest = async (): Promise<string> => (await readBuildContext(folder.path)).digest;

/** Whether something that is done to the folder makes it another. */
async function isSeen(change: () => void): Promise<boolean> {
  const before = await digest();
  change();
  return (await digest()) !== before;
}

beforeEach(() => {
  folder = temporaryFolder();
  write('Containerfile', 'FROM scratch\n');
  write('src/a.js');
  write('src/b.js');
});

afterEach(() => {
  folder[Symbol.dispose]();
});

describe('readBuildContext()', () => {
  it('gives the same for the same files', async () => {
    const before = await digest();
    using other = temporaryFolder();
    const first = folder;
    folder = other;
    for (const name of ['src/b.js', 'src/a.js']) write(name);
    write('Containerfile', 'FROM scratch\n');
    const after = await digest();
    folder = first;
    expect(after).toBe(before);
  });

  it.each<[string, () => void]>([
    [
      'a file that changes',
      () => {
        write('src/a.js', 'other');
      },
    ],
    [
      'a file that is new',
      () => {
        write('src/c.js');
      },
    ],
    [
      'a file that is gone',
      () => {
        rmSync(at('src/a.js'));
      },
    ],
    [
      'a file that is called otherwise',
      () => {
        rmSync(at('src/b.js'));
        write('src/c.js', 'src/b.js');
      },
    ],
    [
      'what moves from one file to the next',
      () => {
        write('src/a.js', 'src/a.jss');
        write('src/b.js', 'rc/b.js');
      },
    ],
    [
      'a file that may be executed now',
      () => {
        chmodSync(at('src/a.js'), 0o755);
      },
    ],
    [
      'a link',
      () => {
        rmSync(at('src/a.js'));
        symlinkSync('src/a.js', at('src/a.js'));
      },
    ],
    [
      'a folder that is new',
      () => {
        mkdirSync(at('empty'));
      },
    ],
    [
      'the Containerfile',
      () => {
        write('Containerfile', 'FROM other\n');
      },
    ],
  ])('sees %s', async (_, change) => {
    expect(await isSeen(change)).toBe(true);
  });

  it('does not see a time', async () => {
    expect(
      await isSeen(() => {
        utimesSync(at('src/a.js'), 1, 1);
      }),
    ).toBe(false);
  });

  describe('with a .dockerignore', () => {
    beforeEach(() => {
      write('.dockerignore', '*\n!src\nsrc/b.js\n');
    });

    it.each<[string, boolean, () => void]>([
      [
        'what it lets in',
        true,
        () => {
          write('src/a.js', 'other');
        },
      ],
      [
        'what it leaves out',
        false,
        () => {
          write('src/b.js', 'other');
          write('node_modules/x/y.js');
        },
      ],
      [
        'the Containerfile, which it leaves out',
        true,
        () => {
          write('Containerfile', 'FROM other\n');
        },
      ],
      [
        'its own text',
        true,
        () => {
          write('.dockerignore', '*\n!src\n');
        },
      ],
    ])('looks at %s: %s', async (_, isLookedAt, change) => {
      expect(await isSeen(change)).toBe(isLookedAt);
    });

    it('looks at what one of the engines would not leave out', async () => {
      write('.containerignore', 'nothing');
      expect(
        await isSeen(() => {
          write('src/b.js', 'other');
        }),
      ).toBe(true);
      rmSync(at('.containerignore'));
      write('Containerfile.dockerignore', 'nothing');
      expect(
        await isSeen(() => {
          write('src/b.js', 'again');
        }),
      ).toBe(true);
    });
  });

  it('looks at everything where only Podman would leave something out', async () => {
    write('.containerignore', 'src');
    expect(
      await isSeen(() => {
        write('src/b.js', 'other');
      }),
    ).toBe(true);
  });

  it('takes the Containerfile before the Dockerfile', async () => {
    write('Dockerfile');
    expect((await readBuildContext(folder.path)).containerfile).toBe(at('Containerfile'));
    rmSync(at('Containerfile'));
    expect((await readBuildContext(folder.path)).containerfile).toBe(at('Dockerfile'));
  });

  it('throws BUILD_FAILED for a folder that has neither', async () => {
    rmSync(at('Containerfile'));
    await expect(digest()).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: 'Cannot build the server: its folder has no Containerfile or Dockerfile',
    });
  });
});
