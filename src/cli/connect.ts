import { existsSync } from 'node:fs';
import { BridgeError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { allServers } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { AdminClient, AdminError, bridgeUrl } from './admin-client.ts';
import type { Arguments } from './args.ts';
import { statusSchema } from './bridge-status.ts';
import { clients, type ClientKind, type Target } from './connect/clients.ts';
import { lineDiff } from './connect/line-diff.ts';
import { needInside, textOrNothing, withEntries } from './connect/settings-file.ts';
import { table, type Output } from './output.ts';
import { terminalPrompt, type Prompt } from './prompt.ts';
import { replaceFile } from './write-file.ts';

/** `gangway connect [CLIENT] [NAME…]`: what a client needs to reach the servers, printed or put into its file. */
export async function connect(
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
  prompt: Prompt = terminalPrompt,
): Promise<number> {
  const [id, ...names] = args.operands;
  if (id === undefined) return listClients(args, output);
  const client = clients.find((each) => each.id === id) ?? refuse(`unknown client "${id}", wanted ${knownIds}`);
  if (args.isAll && names.length > 0) refuse(`got --all and ${names.join(', ')}, wanted one of them`);
  const known = await endpoints(args, environment);
  const targets = args.isAll ? [forAll(known)] : chosen(known, names);
  if (args.isWrite) return writeInto(client, targets, args, output, prompt);
  if (args.isJson)
    output.json({ client: client.id, place: client.place, servers: targets, snippet: snippet(client, targets) });
  else {
    output.complain(`${client.title}: ${client.place}`);
    output.line(snippet(client, targets));
  }
  return 0;
}

const knownIds = clients.map(({ id }) => id).join(', ');

function listClients({ isJson }: Arguments, output: Output): number {
  if (isJson) output.json(clients.map(({ id, title, place }) => ({ id, title, place })));
  else {
    const rows = clients.map(({ id, title, place }) => [id, title, place]);
    for (const line of table([['CLIENT', 'WHAT', 'WHERE'], ...rows])) output.line(line);
  }
  return 0;
}

interface Known extends Target {
  readonly isOff: boolean;
  readonly isGroup: boolean;
}

/** Those of the running bridge; of the file, when none runs. */
async function endpoints(args: Arguments, environment: NodeJS.ProcessEnv): Promise<readonly Known[]> {
  const base = bridgeUrl(args, environment);
  const known = (isGroup: boolean, name: string, isOff: boolean): Known => ({
    ...{ name, isOff, isGroup },
    url: name === allServers ? `${base}/mcp` : `${base}/${name}/mcp`,
  });
  try {
    const { servers, groups } = statusSchema.parse(await new AdminClient(base).get('/status'));
    const read = (isGroup: boolean, all: typeof servers): Known[] =>
      Object.entries(all).map(([name, { disabled }]) => known(isGroup, printable(name), disabled !== undefined));
    return [...read(false, servers), ...read(true, groups)];
  } catch (error) {
    if (!(error instanceof AdminError) || !existsSync(args.config)) throw unreachable(error);
    const { servers, groups } = loadConfig(args.config, environment, { ...args.overrides, insecureNoAuth: true });
    const read = (isGroup: boolean, all: typeof servers): Known[] =>
      [...all.values()].map(({ name, disabled }) => known(isGroup, name, disabled !== undefined));
    return [...read(false, servers), ...read(true, groups)];
  }
}

function unreachable(error: unknown): unknown {
  return error instanceof AdminError ? new BridgeError('CONFIG_INVALID', error.message) : error;
}

/** What clients call the endpoint for all servers. */
const nameOfAll = 'gangway';

function forAll(known: readonly Known[]): Target {
  const all = known.find(({ name }) => name === allServers);
  return all ? { name: nameOfAll, url: all.url } : refuse('There is no endpoint for all servers: "all" is false');
}

/** Groups are for those who name them: their servers are there already. */
function chosen(all: readonly Known[], names: readonly string[]): Target[] {
  const known = all.filter(({ name }) => name !== allServers);
  const missing = names.find((name) => !known.some((endpoint) => endpoint.name === name));
  const there = known.map(({ name }) => name).join(', ');
  if (missing !== undefined) refuse(`There is no server "${missing}", wanted one of ${there}`);
  const wanted = known.filter(({ name, isOff, isGroup }) =>
    names.length === 0 ? !isOff && !isGroup : names.includes(name),
  );
  if (wanted.length === 0) refuse('There is no server that is switched on');
  return wanted.map(({ name, url }) => ({ name, url }));
}

function snippet({ code, settings }: ClientKind, targets: readonly Target[]): string {
  if (code) return code(targets);
  return JSON.stringify({ [settings?.root ?? '']: entriesFor(settings, targets) }, null, 2);
}

function entriesFor(settings: ClientKind['settings'], targets: readonly Target[]): Record<string, object> {
  return Object.fromEntries(targets.map((target) => [target.name, settings?.entry(target) ?? {}]));
}

/** Only into a file of this folder, and only after showing what changes. */
async function writeInto(
  client: ClientKind,
  targets: readonly Target[],
  args: Arguments,
  output: Output,
  prompt: Prompt,
): Promise<number> {
  const change = changeOf(client, targets);
  const { file, before, after } = change;
  if (!args.isJson) for (const line of lineDiff(before, after)) output.line(printable(line));
  const result = before === after ? 'there already' : await written(change, args, prompt);
  if (args.isJson) output.json({ client: client.id, file, result, servers: targets });
  else output.line(`${file}: ${result}`);
  return result === 'not written' && !args.isDryRun ? 1 : 0;
}

async function written({ file, after }: Change, args: Arguments, prompt: Prompt): Promise<'written' | 'not written'> {
  if (args.isDryRun || !(await agrees(file, args, prompt))) return 'not written';
  replaceFile(file, after);
  return 'written';
}

interface Change {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

function changeOf({ id, place, settings }: ClientKind, targets: readonly Target[]): Change {
  const file = settings?.projectFile;
  if (settings === undefined || file === undefined) {
    return refuse(`Cannot write for ${id}: it keeps this outside of the project (${place}); wanted --print`);
  }
  needInside(process.cwd(), file);
  const before = textOrNothing(file);
  return { file, before, after: withEntries(before, file, settings.root, entriesFor(settings, targets)) };
}

/** @throws {BridgeError} `CONFIG_INVALID` when there is nobody to ask */
async function agrees(file: string, { isYes }: Arguments, prompt: Prompt): Promise<boolean> {
  if (isYes) return true;
  if (!prompt.isTerminal) return refuse(`Cannot ask whether to write ${file}: this is no terminal; wanted --yes`);
  return /^(y(es)?)?$/i.test(await prompt.ask(`Write this to ${file}? [Y/n] `));
}

function refuse(sentence: string): never {
  throw new BridgeError('CONFIG_INVALID', sentence);
}
