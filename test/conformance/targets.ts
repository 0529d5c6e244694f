import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { serve } from '../support/program.ts';

/** A server under test; disposing ends it. */
export interface Target extends AsyncDisposable {
  readonly url: string;
}

/**
 * The server on HTTP without Gangway: shows that what fails is not the server's fault.
 *
 * @param program a file in this folder that prints its URL
 */
export async function startDirect(program: string): Promise<Target> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('close', () => {
      reject(new Error('the server ended before it said where it listens'));
    });
  });
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** Gangway with one server, as the configuration has it. */
export async function startGangway(server: object): Promise<Target> {
  const program = await serve({ servers: { conformance: server } }, { args: ['--allow-process'] });
  return {
    url: `${program.url}/conformance/mcp`,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
