import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Somebody who can be asked. */
export interface Prompt {
  readonly isTerminal: boolean;
  /** @returns what was typed, without spaces around it */
  ask(question: string): Promise<string>;
  /** The same, and nothing of it is shown. */
  askHidden(question: string): Promise<string>;
}

/** Questions on stderr, so that stdout can go elsewhere; answers from stdin. Ctrl-C ends the program. */
export const terminalPrompt: Prompt = {
  get isTerminal() {
    return process.stdin.isTTY && process.stderr.isTTY;
  },
  ask: (question) => ask(question, false),
  askHidden: (question) => ask(question, true),
};

function ask(question: string, isHidden: boolean): Promise<string> {
  const lines = createInterface({
    input: process.stdin,
    output: isHidden ? nowhere() : process.stderr,
    terminal: true,
  });
  if (isHidden) process.stderr.write(question);
  return new Promise((resolve) => {
    lines.question(question, (text) => {
      // First: to close it counts as no answer.
      resolve(text.trim());
      lines.close();
      if (isHidden) process.stderr.write('\n');
    });
    lines.once('SIGINT', () => {
      lines.close();
      process.stderr.write('\n');
      process.exit(130);
    });
    // Ctrl-D: no answer.
    lines.once('close', () => {
      resolve('');
    });
  });
}

function nowhere(): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
}
