import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BridgeError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/load.ts';
import { groupsIn, serversIn, withServer, type EntryText } from '../config/servers-file.ts';
import { withNewestVersion } from './add/newest-package.ts';
import { readNeeds, secretNeed, type Need } from './add/needs.ts';
import { sourceOf } from './add/source.ts';
import { tryServer, type Trial } from './add/trial.ts';
import { baseUrl } from './address.ts';
import type { Arguments } from './args.ts';
import { stderrOf } from './errors.ts';
import { table, type Output } from './output.ts';
import { terminalPrompt, type Prompt } from './prompt.ts';
import { serverName } from './server-name.ts';
import { createPrivateFile, replaceFile } from './write-file.ts';

/** A server asks for so many variables one after the other at most. */
const mostRounds = 5;

/** `gangway add IMAGE`: tries a server, asks for the secrets that it wants, and writes its entry. */
export async function add(
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
  prompt: Prompt = terminalPrompt,
): Promise<number> {
  const given = sourceOf(args);
  const name = args.name ?? serverName(given.suggestedName);
  refuseTaken(name, args);
  const source = await withNewestVersion(given, environment, (line) => {
    output.complain(`  ${line}`);
  });
  const draft = new Draft(name, source.entry, args, environment);
  const trial = await tryUntilItAnswers(draft, output, prompt);
  if (args.isJson) return finishAsJson(draft, trial, args, output);
  describe(draft, trial, output);
  if (args.isDryRun) {
    output.line(`Nothing is written to ${args.config}: --dry-run`);
    return 0;
  }
  if (!(await agrees(args, prompt))) return 1;
  await offerFiles(draft, args, prompt);
  write(draft, args);
  for (const line of lastWords(draft, args)) output.line(line);
  return 0;
}

/** The new server so far. */
class Draft {
  readonly name: string;
  needs: readonly Need[];
  readonly #source: EntryText;
  readonly #args: Arguments;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(name: string, source: EntryText, args: Arguments, environment: NodeJS.ProcessEnv) {
    this.name = name;
    this.needs = readNeeds(args.env, environment);
    this.#source = source;
    this.#args = args;
    this.#environment = environment;
  }

  get entry(): EntryText {
    const env = Object.fromEntries(this.needs.map(({ name, written }) => [name, written]));
    return {
      ...this.#source,
      ...(this.needs.length === 0 ? {} : { env }),
      ...(this.#args.isShared ? { sharing: 'shared' } : {}),
    };
  }

  /** The file as it would be. */
  get text(): string {
    return withServer(textOf(this.#args.config), this.name, this.entry);
  }

  /** Everything that it needs, as if it were set already. */
  get environment(): NodeJS.ProcessEnv {
    const values = this.needs.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
    return { ...this.#environment, ...Object.fromEntries(values) };
  }

  /** @throws {BridgeError} `CONFIG_INVALID` */
  config(): Config {
    // Whether it may listen there is for `serve` to judge.
    const overrides = { ...this.#args.overrides, insecureNoAuth: true };
    return parseConfig(this.text, this.#args.config, this.environment, overrides);
  }

  /** What somebody has to set before Gangway starts. */
  get unset(): readonly Need[] {
    return this.needs.filter(({ name, value }) => value !== undefined && this.#environment[name] !== value);
  }

  set(need: Need): void {
    this.needs = [...this.needs.filter(({ name }) => name !== need.name), need];
  }
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function refuseTaken(name: string, { config, isReplace }: Arguments): void {
  const text = textOf(config);
  const taken = (by: string, wanted: string): BridgeError =>
    new BridgeError('CONFIG_INVALID', `Cannot add "${name}": ${config} has a ${by} of that name, wanted ${wanted}`);
  if (Object.hasOwn(groupsIn(text), name)) throw taken('group', 'another --name');
  if (!isReplace && Object.hasOwn(serversIn(text), name)) throw taken('server', 'another --name, or --replace');
}

async function tryUntilItAnswers(draft: Draft, output: Output, prompt: Prompt): Promise<Trial> {
  const unknown = draft.needs.filter(({ name, written, value }) => value === undefined && written === `\${${name}}`);
  await fill(draft, unknown.map(nameOf), prompt);
  for (let round = 1; ; round += 1) {
    const result = await tryServer(draft.config(), draft.name, draft.environment, (line) => {
      output.complain(`  ${printable(line)}`);
    });
    const isLast = round === mostRounds;
    if ('tools' in result) {
      if (isLast || !(await offerToFill(draft, result, output, prompt))) return result;
      continue;
    }
    if (isLast) throw result.error;
    for (const line of stderrOf(result.error)) output.complain(`  ${printable(line)}`);
    await fill(draft, result.wanted, prompt);
  }
}

/** A server that works, and complains all the same. @returns whether it has got something */
async function offerToFill(draft: Draft, { missed }: Trial, output: Output, prompt: Prompt): Promise<boolean> {
  if (missed.length === 0 || !prompt.isTerminal) return false;
  output.complain(`It works, and says that it misses ${missed.join(', ')}; no answer goes on without`);
  const before = draft.needs;
  await ask(draft, missed, prompt);
  return draft.needs !== before;
}

function nameOf({ name }: Need): string {
  return name;
}

/** @throws {BridgeError} `CONFIG_INVALID` when there is nobody to ask, or not one answer */
async function fill(draft: Draft, names: readonly string[], prompt: Prompt): Promise<void> {
  const before = draft.needs;
  if (prompt.isTerminal) await ask(draft, names, prompt);
  if (names.length > 0 && draft.needs === before) throw wants(draft.name, names);
}

async function ask(draft: Draft, names: readonly string[], prompt: Prompt): Promise<void> {
  for (const name of names) {
    const value = await askFor(name, draft.environment[name], prompt);
    if (value !== '') draft.set(secretNeed(name, value));
  }
}

/** A stranger's image names the variable: it gets what is in the environment only when somebody says so. */
async function askFor(name: string, known: string | undefined, prompt: Prompt): Promise<string> {
  const question = `It asks for ${name}: does it get the one of your environment? [y/N] `;
  if (known !== undefined && /^y(es)?$/i.test(await prompt.ask(question))) return known;
  return prompt.askHidden(`${name}: `);
}

function wants(server: string, names: readonly string[]): BridgeError {
  const options = names.map((name) => `--env ${name}`).join(' ');
  const how = `wanted ${options}, with ${names.length === 1 ? 'its value' : 'their values'} in the environment`;
  return new BridgeError('CONFIG_INVALID', `Cannot add "${server}": it says that it needs ${names.join(', ')}; ${how}`);
}

function describe({ name, entry }: Draft, { title, tools, missed }: Trial, output: Output): void {
  output.line(printable(`✓ ${title}, ${tools.length} tools`));
  const rows = tools.map((tool) => [`  ${tool.name}`, firstLine(tool.description ?? '')]);
  for (const line of table(rows)) output.line(printable(line));
  for (const variable of missed) output.line(`It says that it misses ${variable}: see --env ${variable}`);
  output.line();
  for (const line of withServer('', name, entry).trimEnd().split('\n').slice(1)) output.line(line);
  output.line();
}

function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

/** Asked on a terminal only: a script has said what it wants. */
async function agrees({ isYes, config }: Arguments, prompt: Prompt): Promise<boolean> {
  if (isYes || !prompt.isTerminal) return true;
  return /^(y(es)?)?$/i.test(await prompt.ask(`Write this to ${config}? [Y/n] `));
}

/** A secret can be kept in a file of its own, so that nobody has to set it. */
async function offerFiles(draft: Draft, { config, isYes }: Arguments, prompt: Prompt): Promise<void> {
  if (isYes || !prompt.isTerminal) return;
  for (const { name, value = '' } of draft.unset) {
    const file = `./secrets/${name}`;
    const absolute = path.resolve(path.dirname(config), file);
    if (existsSync(absolute)) continue;
    const answer = await prompt.ask(`Keep ${name} in ${file}, for you alone, and read it from there? [y/N] `);
    if (!/^y(es)?$/i.test(answer)) continue;
    createPrivateFile(absolute, `${value}\n`);
    draft.set({ name, written: `file:${file}`, value: undefined });
  }
}

function write(draft: Draft, args: Arguments): void {
  // Looked at again: pulling the image may have taken minutes.
  refuseTaken(draft.name, args);
  const { text } = draft;
  draft.config();
  replaceFile(args.config, text);
}

function finishAsJson(draft: Draft, trial: Trial, args: Arguments, output: Output): number {
  if (!args.isDryRun) write(draft, args);
  output.json({
    ...{ name: draft.name, url: urlOf(draft), file: args.config, isWritten: !args.isDryRun, entry: draft.entry },
    ...{ server: trial.title, tools: trial.tools.map(({ name }) => name), missed: trial.missed },
  });
  return 0;
}

function urlOf(draft: Draft): string {
  const { listen } = draft.config();
  return `${baseUrl(listen.host, listen.port)}/${draft.name}/mcp`;
}

function lastWords(draft: Draft, { config }: Arguments): string[] {
  const places = draft.needs.filter(({ written }) => written.startsWith('file:'));
  return [
    `Written to ${config}: a running Gangway takes it up by itself`,
    `  ${urlOf(draft)}`,
    ...draft.unset.map(
      ({ name }) => `Set ${name} in the environment of Gangway before it starts; no file has its value`,
    ),
    ...places.map(({ name, written }) => `${name} is in ${written.slice(5)}: keep it out of version control`),
  ];
}
