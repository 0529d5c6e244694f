import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, jest } from '@jest/globals';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';

jest.setTimeout(3 * containerTestMs);

const program = fileURLToPath(new URL('../../bench/chaos/run.mjs', import.meta.url));

describeEachEngine('bench/chaos', (engine) => {
  it('30 s of it break no promise', async () => {
    const { code, report } = await chaos('--engine', engine, '--seconds', '30', '--clients', '10', '--seed', '4');
    process.stderr.write(report);
    if (code !== 0) throw new Error(`exit code ${String(code)}`);
    expect(report).toContain(`## ${engine}: no violation`);
  });
});

/** @returns what it said, on both streams */
async function chaos(...args: string[]): Promise<{ code: number | null; report: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let report = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (report += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, report };
}
