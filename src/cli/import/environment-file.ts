import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { LeftOut } from './imported.ts';

/**
 * Reads the lines `NAME=VALUE` of a `.env` file, as Docker and VS Code do.
 *
 * @throws {LeftOut} when it cannot be read
 */
export function readEnvironmentFile(file: string, folder: string): Record<string, string> {
  const own = file.replaceAll('${workspaceFolder}', folder);
  try {
    return environmentOf(readFileSync(path.resolve(folder, own), 'utf8'));
  } catch (error) {
    throw new LeftOut(`its environment file ${own} cannot be read (${codeOf(error) ?? 'error'})`);
  }
}

function environmentOf(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).map((line) => /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line));
  const pairs = lines.filter((match) => match !== null).map(([, name = '', value = '']) => [name, unquoted(value)]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

function unquoted(value: string): string {
  return /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
}
