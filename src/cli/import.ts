import { existsSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { BridgeError, codeOf, messageOf } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { parseConfig } from '../config/load.ts';
import { groupsIn, serversIn, withServer, type EntryText } from '../config/servers-file.ts';
import type { Arguments } from './args.ts';
import { serversOfClient, type ClientServer, type UnreadableServer } from './import/client-file.ts';
import { entryFrom, questionOf } from './import/entry.ts';
import { LeftOut } from './import/imported.ts';
import { environmentText, Variables, type Variable } from './import/variables.ts';
import { newestVersions, type NewestVersions } from './newest-versions.ts';
import { table, type Output } from './output.ts';
import { freeName, serverName } from './server-name.ts';
import { createPrivateFile, replaceFile } from './write-file.ts';

/** What became of one server. */
interface Outcome {
  readonly from: string;
  readonly file: string;
  readonly result: 'added' | 'renamed' | 'there already' | 'left out';
  /** Its name in `servers.yaml`. */
  readonly name?: string;
  readonly entry?: EntryText;
  readonly notes: readonly string[];
}

/** `gangway import FILE…`: the servers in the settings of MCP clients become entries of `servers.yaml`. */
export async function importServers(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const before = existsSync(args.config) ? readText(args.config) : '';
  const given = args.operands.flatMap((file) => serversOfClient(readText(file), file));
  const plan = new Plan(before, args, environment);
  plan.newest = await askNpm(given, environment, output);
  const outcomes = given.map((server) => plan.add(server));
  const isWritten = plan.text !== before && !args.isDryRun;
  if (isWritten) plan.check(plan.text);
  const all = plan.variables;
  // The secrets first: without them the entries are of no use, and their file must not be there yet.
  if (!args.isDryRun && args.secretsFile !== undefined && all.length > 0) {
    createPrivateFile(args.secretsFile, environmentText(all));
  }
  if (isWritten) replaceFile(args.config, plan.text);
  if (args.isJson) output.json({ file: args.config, isWritten, servers: outcomes, variables: all.map(named) });
  else report(outcomes, all, isWritten, args, output);
  return outcomes.every(({ result }) => result === 'left out') ? 1 : 0;
}

async function askNpm(
  given: readonly (ClientServer | UnreadableServer)[],
  environment: NodeJS.ProcessEnv,
  output: Output,
): Promise<NewestVersions> {
  const questions = given.flatMap((server) => ('why' in server ? [] : (questionOf(server) ?? [])));
  if (questions.length > 0) output.complain(printable(`Asking npm for the newest version of ${questions.join(', ')}`));
  return newestVersions(questions, environment);
}

/** `servers.yaml` with the servers so far. */
class Plan {
  text: string;
  /** What it needs in the environment. */
  variables: readonly Variable[] = [];
  newest: NewestVersions = new Map();
  readonly #args: Arguments;
  readonly #environment: NodeJS.ProcessEnv;

  /** @throws {BridgeError} `CONFIG_INVALID` when what is there already is not valid */
  constructor(text: string, args: Arguments, environment: NodeJS.ProcessEnv) {
    this.text = text;
    this.#args = args;
    this.#environment = environment;
    if (Object.keys(serversIn(text)).length > 0) this.check(text);
  }

  add(server: ClientServer | UnreadableServer): Outcome {
    const from = { from: server.name, file: server.file };
    if ('why' in server) return { ...from, result: 'left out', notes: [server.why] };
    try {
      const variables = new Variables(this.variables);
      const { entry, notes } = entryFrom(server, variables, this.newest);
      const placed = this.#place(server.name, entry);
      if (placed.result !== 'there already') this.variables = variables.all;
      return { ...from, ...placed, entry, notes };
    } catch (error) {
      if (error instanceof LeftOut) return { ...from, result: 'left out', notes: [error.message] };
      if (error instanceof BridgeError) return { ...from, result: 'left out', notes: [this.#withoutPlace(error)] };
      throw error;
    }
  }

  #place(given: string, entry: EntryText): Pick<Outcome, 'result' | 'name'> {
    const there = serversIn(this.text);
    const same = Object.keys(there).find((name) => isDeepStrictEqual(there[name], entry));
    if (same !== undefined) return { result: 'there already', name: same };
    const groups = groupsIn(this.text);
    const isTaken = (name: string): boolean => Object.hasOwn(there, name) || Object.hasOwn(groups, name);
    const name = freeName(serverName(given), isTaken);
    this.check(JSON.stringify({ servers: { [name]: entry } }));
    this.text = withServer(this.text, name, entry);
    return { result: name === given ? 'added' : 'renamed', name };
  }

  /** @throws {BridgeError} `CONFIG_INVALID` */
  check(text: string): void {
    parseConfig(text, this.#args.config, this.#environment, { insecureNoAuth: true, allowProcess: true });
  }

  /** Where it stands in a text that nobody sees is of no use. */
  #withoutPlace(error: BridgeError): string {
    return error.message
      .replaceAll(`${this.#args.config}:`, '')
      .replace(/^\d+:\d+: (servers\.)?/gm, '')
      .replaceAll('\n', '; ');
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BridgeError('CONFIG_INVALID', `${file}: cannot be read (${codeOf(error) ?? messageOf(error)})`);
  }
}

function named({ name, about }: Variable): { name: string; about: string } {
  return { name, about };
}

function report(
  outcomes: readonly Outcome[],
  variables: readonly Variable[],
  isWritten: boolean,
  args: Arguments,
  output: Output,
): void {
  const rows = outcomes.map(({ from, file, result, name = '', entry }) => [from, file, result, name, sourceOf(entry)]);
  for (const line of table([['SERVER', 'FROM', 'RESULT', 'NAME', 'SOURCE'], ...rows])) output.line(printable(line));
  for (const { from, notes } of outcomes) for (const note of notes) output.line(printable(`  ${from}: ${note}`));
  output.line(lastLine(isWritten, args));
  if (variables.length > 0) reportVariables(variables, args, output);
}

function lastLine(isWritten: boolean, { config, isDryRun }: Arguments): string {
  if (isDryRun) return `Nothing is written to ${config}: --dry-run`;
  return isWritten ? `Written to ${config}; try it with gangway check` : `Nothing to write to ${config}`;
}

function reportVariables(variables: readonly Variable[], { isDryRun, secretsFile }: Arguments, output: Output): void {
  output.line();
  if (secretsFile !== undefined && !isDryRun) {
    output.line(`Their secrets are in ${secretsFile}, for you alone. To start Gangway with them:`);
    output.line(`  set -a; . ${secretsFile}; set +a`);
    for (const { name, value } of variables) if (value === undefined) output.line(`  ${name} has no value yet`);
    return;
  }
  output.line('Gangway needs these in its environment (--secrets FILE writes them, with their values, to a file):');
  output.line();
  output.write(printable(environmentText(variables.map((variable) => ({ ...variable, value: undefined })))));
}

function sourceOf(entry: EntryText | undefined): string {
  for (const key of ['image', 'package', 'url'] as const) {
    if (typeof entry?.[key] === 'string') return `${key}: ${entry[key]}`;
  }
  return Array.isArray(entry?.['command']) ? `command: ${String(entry['command'][0])}` : '';
}
