import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, jest } from '@jest/globals';
import { containerTestMs, itOnAllEnginesAtOnce } from '../support/engines.ts';

jest.setTimeout(5 * containerTestMs);

const program = fileURLToPath(new URL('../../bench/chaos/run.mjs', import.meta.url));

/** GANGWAY_CHAOS_SEED=N tries other faults; what a run used is the first thing that it says. */
const seed = process.env['GANGWAY_CHAOS_SEED'] ?? '4';

describe('bench/chaos', () => {
  itOnAllEnginesAtOnce('60 s of it break no promise', async (engine) => {
    const load = ['--seconds', '60', '--clients', '6', '--think', '500', '--patience', '4'];
    const args = ['--engine', engine, ...load, '--seed', seed];
    const { code, report } = await chaos(args);
    process.stderr.write(report);
    if (code !== 0) throw new Error(`node bench/chaos/run.mjs ${args.join(' ')}: exit code ${String(code)}`);
    expect(report).toContain(`## ${engine}: no violation`);
  });
});

/** @returns what it said, on both streams */
async function chaos(args: string[]): Promise<{ code: number | null; report: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let report = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (report += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, report };
}
