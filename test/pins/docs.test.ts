import { describe, expect, it } from '@jest/globals';
import { errorTable } from '../../src/base/error-table.ts';
import { generateDocs, staleFiles } from '../../scripts/generate-docs.ts';

const files = await generateDocs();

describe('generateDocs()', () => {
  it('makes these files', () => {
    expect([...files.keys()]).toEqual(['servers.schema.json', 'docs/configuration.md', 'docs/errors.md']);
  });

  it('makes the same text each time', async () => {
    expect([...(await generateDocs())]).toEqual([...files]);
  });

  it.each(Object.entries(errorTable))('says when %s happens and what to do', (code, { when, operator }) => {
    expect(plain(files.get('docs/errors.md'))).toContain(plain(`### ${code}\n\n${when}\n\nWhat to do: ${operator}\n`));
  });
});

/** Without what prettier may write in another way. */
function plain(text = ''): string {
  return text.replaceAll('\\', '');
}

describe('staleFiles()', () => {
  it('finds all generated files up to date (else: npm run docs)', () => {
    expect(staleFiles(files)).toEqual([]);
  });

  it('names a file with another text', () => {
    expect(staleFiles(new Map([['docs/errors.md', 'x']]))).toEqual(['docs/errors.md']);
  });

  it('names a file that is absent', () => {
    expect(staleFiles(new Map([['docs/absent.md', 'x']]))).toEqual(['docs/absent.md']);
  });
});
