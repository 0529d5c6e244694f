import { readFileSync } from 'node:fs';
import { expect, it, jest } from '@jest/globals';
import { listContainers } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { gangway, temporaryFolder, writeConfig, type Finished } from '../support/program.ts';

jest.setTimeout(containerTestMs);

describeEachEngine('gangway add', (engine) => {
  async function add(words: readonly string[], env = {}): Promise<Finished & { text: string; left: unknown[] }> {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, '# mine\ndefaults: { pull: never, startTimeout: 60s }\nservers: {}\n');
    const instance = `test-add-${process.pid}-${engine}`;
    const command = ['add', ...words, '--config', file, '--engine', engine];
    const finished = await gangway(command, { env: { GANGWAY_INSTANCE: instance, ...env } });
    const left = await listContainers(engine, 'io.gangway.instance', instance);
    return { ...finished, text: readFileSync(file, 'utf8'), left };
  }

  it('tries an image, lists its tools, writes its entry and leaves no container', async () => {
    const { code, stdout, text, left } = await add(['docker.io/mcp/time', '--shared']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ time-mcp [\d.]+, 6 tools\n {2}current_time /m);
    expect(text).toMatch(/^# mine\n.*\nservers:\n {2}time:\n {4}image: docker\.io\/mcp\/time\n {4}sharing: shared\n$/);
    expect(left).toEqual([]);
  });

  it('names the secret that an image wants, and refers to it once it is there', async () => {
    const refused = await add(['docker.io/mcp/brave-search']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--env BRAVE_API_KEY'), left: [] });
    const added = await add(['docker.io/mcp/brave-search', '--env', 'BRAVE_API_KEY'], {
      BRAVE_API_KEY: 'key-0123456789',
    });
    expect(added).toMatchObject({ code: 0, left: [] });
    expect(added.text).toContain('    env:\n      BRAVE_API_KEY: ${BRAVE_API_KEY}\n');
    expect(added.text + added.stdout).not.toContain('key-0123456789');
  });
});
