import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { spawnChild, spawnTied } from '../../src/engine/child.ts';
import { isAlive } from '../support/processes.ts';
import { until } from '../support/until.ts';

const node = process.execPath;

describe('spawnChild()', () => {
  it('tells the exit code', async () => {
    const { exited } = spawnChild('c', node, ['-e', 'process.exitCode = 7'], { env: {} });
    await expect(exited).resolves.toEqual({ code: 7, signal: undefined });
  });

  it('tells why a program cannot be started', async () => {
    const { exited } = spawnChild('c', '/no/such/program', [], { env: {} });
    await expect(exited).resolves.toEqual({ code: undefined, signal: undefined, error: 'ENOENT' });
  });

  it('tells of a start that the system refuses outright, such as an environment too large for it', async () => {
    const { exited } = spawnChild('c', node, ['-e', ''], { env: { BIG: 'x'.repeat(300_000) } });
    await expect(exited).resolves.toMatchObject({ code: undefined, signal: undefined, error: 'E2BIG' });
  }, 2000);

  it('resolves "running" also for a program that cannot be started', async () => {
    await expect(spawnChild('c', '/no/such/program', [], { env: {} }).running).resolves.toBeUndefined();
  });

  it('tells the signal that kill() ended it by', async () => {
    const child = spawnChild('c', node, ['-e', 'setInterval(() => 0, 1000)'], { env: {} });
    await child.running;
    child.kill();
    await expect(child.exited).resolves.toEqual({ code: undefined, signal: 'SIGKILL' });
  });

  it('inherits nothing', async () => {
    const { stdout } = spawnChild('c', node, ['-p', 'JSON.stringify(process.env)'], { env: { ONLY: 'this' } });
    const chunks = await stdout.toArray();
    expect(JSON.parse(Buffer.concat(chunks as Buffer[]).toString())).toEqual({ ONLY: 'this' });
  });

  it('keeps what was printed until somebody reads', async () => {
    const program = 'console.log("early"); console.error("printed"); process.stdin.resume()';
    const { stdin, stdout, stderr } = spawnChild('c', node, ['-e', program], { env: {} });
    await once(stderr, 'data');
    // execa throws away what nobody listens to, one turn later.
    await new Promise((resolve) => setImmediate(resolve));
    const read = once(stdout, 'data');
    stdout.resume();
    const [chunk] = (await read) as [Buffer];
    stdin.end();
    expect(chunk.toString()).toBe('early\n');
  });

  it('survives a write to a program that is gone', async () => {
    const child = spawnChild('c', node, ['-e', ''], { env: {} });
    await child.exited;
    expect(() => child.stdin.write('x'.repeat(100_000))).not.toThrow();
  });
});

describe('spawnTied()', () => {
  const options = { env: { PATH: process.env['PATH'] ?? '' } };

  it('passes arguments as they are', async () => {
    const { stdin, stdout } = spawnTied(
      'c',
      node,
      ['-p', 'process.argv.slice(1).join("|")', 'a b', '$HOME', '"', '*'],
      options,
    );
    const said = String(await stdout.toArray());
    stdin.end();
    expect(said).toBe('a b|$HOME|"|*\n');
  });

  it('has the program end with its input, which it does not read', async () => {
    const script = 'console.log(process.pid); setInterval(() => 0, 1000)';
    const { stdin, stdout, exited } = spawnTied('c', node, ['-e', script], options);
    stdout.resume();
    const [pid] = (await once(stdout, 'data')) as [Buffer];
    stdin.end();
    await exited;
    await until('the program to be gone', () => !isAlive(Number(pid)));
  });

  it('closes the output when the program ends by itself', async () => {
    const { stdin, stdout, exited } = spawnTied('c', node, ['-e', ''], options);
    stdout.resume();
    await once(stdout, 'close');
    stdin.end();
    await expect(exited).resolves.toMatchObject({ signal: undefined });
  });
});
