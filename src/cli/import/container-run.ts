import type { ClientServer } from './client-file.ts';
import { flagOf, type ContainerFlag, type ContainerRun, type RunDraft } from './container-flags.ts';
import { LeftOut } from './imported.ts';

/**
 * Reads the words behind `docker` or `podman`: each flag of `run` becomes a key of an entry, or a note that says why it
 * does not.
 *
 * @throws {LeftOut} when it is no `run`, when a flag gives the container more than Gangway gives any, or when one that is
 * not known hides where the image stands
 */
export function readContainerRun(program: string, words: readonly string[], server: ClientServer): ContainerRun {
  const run: RunDraft = { env: [], mounts: [], resources: {}, keys: {}, notes: [] };
  const rest = afterRun(program, words);
  let at = 0;
  while (at < rest.length) {
    const word = rest[at] ?? '';
    if (word === '--') {
      at += 1;
      break;
    }
    if (!word.startsWith('-') || word === '-') break;
    at += 1 + readFlag(word, rest[at + 1], run, server);
  }
  const [image, ...args] = rest.slice(at);
  if (image === undefined) throw new LeftOut(`its "${program} run" names no image`);
  const { mounts, resources, keys, env, notes } = run;
  return {
    image,
    ...keys,
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...{ env, args, notes },
  };
}

/** What stands behind `run`. */
function afterRun(program: string, words: readonly string[]): readonly string[] {
  const [first = '', second = ''] = words;
  if (first === 'run') return words.slice(1);
  if (first === 'container' && second === 'run') return words.slice(2);
  throw new LeftOut(`it starts "${[program, first].join(' ').trim()}", and not an image with "${program} run"`);
}

/** @returns how many words behind the flag belong to it: 0 or 1 */
function readFlag(word: string, next: string | undefined, run: RunDraft, server: ClientServer): number {
  return word.startsWith('--') ? readLong(word, next, run, server) : readShort(word.slice(1), next, run, server);
}

function readLong(word: string, next: string | undefined, run: RunDraft, server: ClientServer): number {
  const [, name = '', own] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const flag = flagOf(name);
  if (!flag) {
    if (own === undefined) throw unknown(word);
    run.notes.push(`left out: --${name}, which Gangway does not know`);
    return 0;
  }
  if (!flag.takesValue) {
    if (own !== 'false') apply(flag, name, '', run, server);
    return 0;
  }
  apply(flag, name, own ?? needed(next, word), run, server);
  return own === undefined ? 1 : 0;
}

/** `-it`, `-eNAME`, `-e NAME`: letters without a value may stand together, and one with a value ends them. */
function readShort(letters: string, next: string | undefined, run: RunDraft, server: ClientServer): number {
  const letter = letters.charAt(0);
  const flag = flagOf(letter);
  if (!flag) throw unknown(`-${letter}`);
  const rest = letters.slice(1);
  if (flag.takesValue) {
    apply(flag, letter, rest === '' ? needed(next, `-${letter}`) : rest.replace(/^=/, ''), run, server);
    return rest === '' ? 1 : 0;
  }
  apply(flag, letter, '', run, server);
  return rest === '' ? 0 : readShort(rest, next, run, server);
}

function apply(flag: ContainerFlag, name: string, value: string, run: RunDraft, server: ClientServer): void {
  flag.apply(value, { run, server, flag: name.length === 1 ? `-${name}` : `--${name}` });
}

function needed(value: string | undefined, flag: string): string {
  if (value === undefined) throw new LeftOut(`${flag} stands at the end, without its value`);
  return value;
}

function unknown(flag: string): LeftOut {
  return new LeftOut(`Gangway does not know ${flag}, so it cannot tell which word is the image`);
}
