import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { temporaryFolder, writeConfig } from '../support/program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docs = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' });
const pages = ['README.md', ...docs.map((name) => `docs/${name}`)].filter((name) => name.endsWith('.md'));

/** Each `servers.yaml` that a page shows. */
const examples = pages.flatMap((page) =>
  [...readFileSync(root + page, 'utf8').matchAll(/^```yaml\n(.*?)^```/gms)]
    .map(([, text = '']) => ({ page, text }))
    .filter(({ text }) => /^servers:/m.test(text)),
);

describe('servers.yaml, where the documentation shows one,', () => {
  it('is found', () => {
    expect(examples.map(({ page }) => page)).toContain('README.md');
  });

  it.each(examples)('loads: $page', ({ text }) => {
    using folder = temporaryFolder();
    const { servers } = loadConfig(writeConfig(folder.path, text), {}, {});
    expect(servers.size).toBeGreaterThan(0);
  });
});
