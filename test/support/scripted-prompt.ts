import type { Output } from '../../src/cli/output.ts';
import type { Prompt } from '../../src/cli/prompt.ts';

/** Somebody at a terminal who gives these answers, one after the other. */
export interface ScriptedPrompt extends Prompt {
  /** What was asked; hidden ones begin with "hidden: ". */
  readonly questions: readonly string[];
}

export function scriptedPrompt(...answers: string[]): ScriptedPrompt {
  const questions: string[] = [];
  const answer = (question: string): Promise<string> => {
    questions.push(question);
    const next = answers.shift();
    return next === undefined ? Promise.reject(new Error(`nobody answers "${question}"`)) : Promise.resolve(next);
  };
  return { questions, isTerminal: true, ask: answer, askHidden: (question) => answer(`hidden: ${question}`) };
}

/** What a command printed. */
export interface Printed extends Output {
  readonly text: () => string;
}

export function recordedOutput(): Printed {
  const all: string[] = [];
  return {
    isTerminal: false,
    text: () => all.join(''),
    line: (text = '') => void all.push(`${text}\n`),
    write: (text) => void all.push(text),
    complain: (text) => void all.push(`${text}\n`),
    json: (value) => void all.push(JSON.stringify(value)),
  };
}
