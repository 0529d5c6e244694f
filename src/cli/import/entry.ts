import { existsSync } from 'node:fs';
import path from 'node:path';
import type { NewestVersions } from '../newest-versions.ts';
import { isKeyLike, isSecret, isSecretName } from '../secret-values.ts';
import type { ClientServer } from './client-file.ts';
import { readContainerRun } from './container-run.ts';
import { readEnvironmentFile } from './environment-file.ts';
import { LeftOut, type Imported } from './imported.ts';
import { readPackageRun, type PackageRun } from './package-run.ts';
import { hasReference, translate } from './references.ts';
import { remoteEntry, urlEntry, urlText } from './remote.ts';
import { toolFilter } from './tool-filter.ts';
import type { Variables } from './variables.ts';

/**
 * A client's server as an entry of `servers.yaml`.
 *
 * @param variables takes the secrets that are not written into it
 * @param newest versions of packages that have none in the file: `questionOf` says which are needed
 * @throws {LeftOut} when it cannot be one
 */
export function entryFrom(server: ClientServer, variables: Variables, newest: NewestVersions): Imported {
  if (server.isOff) throw new LeftOut('its client has it switched off');
  const tools = toolFilter(server.toolLists);
  const { entry, notes } = server.command
    ? processEntry(server, server.command, variables, newest)
    : urlEntry(server, variables);
  const ignored = server.ignored.length > 0 ? [`left out, for its client alone: ${server.ignored.join(', ')}`] : [];
  return { entry: { ...entry, ...(tools && { tools }) }, notes: [...notes, ...ignored] };
}

/** What npm has to be asked before a server can become an entry: `NAME` or `NAME@TAG` of a package. */
export function questionOf({ isOff, command = [] }: ClientServer): string | undefined {
  const run = isOff ? undefined : packageRunOf(unwrapped(command));
  return run?.name === 'mcp-remote' ? undefined : run?.question;
}

function processEntry(
  server: ClientServer,
  given: readonly string[],
  variables: Variables,
  newest: NewestVersions,
): Imported {
  const command = unwrapped(given);
  const [program = '', ...rest] = command;
  const name = programName(program);
  if (name === 'docker' || name === 'podman') return containerEntry(server, name, rest, variables);
  const run = packageRunOf(command);
  if (run?.name === 'mcp-remote') return remoteEntry(server, run.args, variables);
  return run ? packageEntry(server, run, variables, newest) : commandEntry(server, command, variables);
}

function packageRunOf([program = '', ...rest]: readonly string[]): PackageRun | undefined {
  return readPackageRun(programName(program), rest);
}

function programName(program: string): string {
  return path.basename(program).replace(/\.(exe|cmd|bat)$/i, '');
}

/** Windows clients start `npx` through `cmd /c`. */
function unwrapped(command: readonly string[]): readonly string[] {
  const [program = '', flag = '', ...rest] = command;
  return /(^|[\\/])cmd(\.exe)?$/i.test(program) && /^\/c$/i.test(flag) && rest.length > 0 ? rest : command;
}

function containerEntry(
  server: ClientServer,
  program: string,
  words: readonly string[],
  variables: Variables,
): Imported {
  const { image, notes, env: given, args, ...limits } = readContainerRun(program, words, server);
  const names = new Set(given.map(([name]) => name));
  const unused = Object.keys(server.env).filter((name) => !names.has(name));
  const env = Object.fromEntries(given.map(([name, value]) => [name, value ?? server.env[name] ?? `\${env:${name}}`]));
  const forClient = `left out: ${unused.join(', ')}, for ${program} itself and not passed on with -e`;
  return {
    entry: {
      image: program === 'docker' ? inFull(image) : image,
      ...argsOf(args, server, variables),
      ...envOf(env, server, variables),
      ...limits,
    },
    notes: [...notes, ...(unused.length > 0 ? [forClient] : [])],
  };
}

/** What Docker means by a name without a registry; Podman takes none, or asks elsewhere. */
function inFull(image: string): string {
  const [first = '', ...rest] = image.split('/');
  if (rest.length === 0) return `docker.io/library/${image}`;
  return /[.:]|^localhost$/.test(first) ? image : `docker.io/${image}`;
}

function packageEntry(server: ClientServer, run: PackageRun, variables: Variables, newest: NewestVersions): Imported {
  const cwd = server.cwd === undefined ? [] : [`left out: cwd ${server.cwd}; it runs in a container`];
  const args = safeArgs(run.args, server, variables);
  const unseen = args.filter((arg) => path.isAbsolute(arg) && existsSync(arg));
  const notes = unseen.map((file) => `it runs in a container, which does not see ${file} of this host: see mounts`);
  const found = newest.get(run.question ?? '');
  const today = found === undefined ? [] : [`it names no exact version: ${found} is the newest one now`];
  return {
    entry: {
      package: run.asEntry(newest),
      ...(args.length === 0 ? {} : { args }),
      ...envOf(allEnv(server), server, variables),
    },
    notes: [...today, ...cwd, ...notes],
  };
}

function commandEntry(
  server: ClientServer,
  [program = '', ...args]: readonly string[],
  variables: Variables,
): Imported {
  const own = translate(program, server, variables, { isOptional: true });
  const cwd = server.cwd === undefined ? [] : [`left out: cwd ${server.cwd}; it runs in the folder of servers.yaml`];
  return {
    entry: {
      command: [own, ...safeArgs(args, server, variables)].map((word) => placed(word, server)),
      ...envOf(allEnv(server), server, variables),
    },
    notes: ['a plain process of this host: it needs --allow-process', ...cwd],
  };
}

/** A file beside the client's settings: relative paths count from the folder of `servers.yaml`. */
function placed(word: string, { folder, cwd = '.' }: ClientServer): string {
  const file = path.resolve(folder, cwd, word);
  return /^\.{1,2}[\\/]/.test(word) && existsSync(file) ? file : word;
}

function argsOf(args: readonly string[], server: ClientServer, variables: Variables): { args?: readonly string[] } {
  return args.length === 0 ? {} : { args: safeArgs(args, server, variables) };
}

/** Arguments with what looks like a secret taken out: `--api-key X`, `--token=X`, or anything that begins like a key. */
function safeArgs(args: readonly string[], server: ClientServer, variables: Variables): string[] {
  return args.map((arg, index) => {
    const { prefix, name, value } = readArgument(arg, args[index - 1]);
    if (!hasReference(value) && /^https?:\/\//i.test(value)) return prefix + urlText(value, server, variables);
    if (hasReference(value) || !(isKeyLike(value) || (isSecretName(name) && isSecret(name, value)))) {
      return translate(arg, server, variables, { isOptional: true });
    }
    return `${prefix}\${${variables.add(name === '' ? 'argument' : name, value, server.name)}:-}`;
  });
}

interface ArgumentParts {
  readonly prefix: string;
  readonly name: string;
  readonly value: string;
}

/** An argument as a value with a name: of an option, in the same word or in the one before it, or `NAME: VALUE` itself. */
function readArgument(arg: string, before = ''): ArgumentParts {
  const own = named(arg);
  if (own) return own;
  if (arg.startsWith('-')) return { prefix: '', name: '', value: '' };
  return { prefix: '', name: before.startsWith('-') ? before.replace(/^-+/, '') : '', value: arg };
}

/** `--token=X`; `API_KEY=X` and `Authorization: Bearer X`, which may be the value of another option. */
function named(arg: string): ArgumentParts | undefined {
  const [, prefix = '', name = '', value = ''] =
    /^((?:--?)?(\w[\w-]*)(?:=|:[ ]*(?:(?:Bearer|Basic|Token)[ ]+)?))(\S.*)$/is.exec(arg) ?? [];
  if (prefix === '' || isSecretName(name)) return prefix === '' ? undefined : { prefix, name, value };
  if (!/^--?[\w-]+=/.test(prefix)) return undefined;
  const inner = named(value);
  return inner ? { ...inner, prefix: prefix + inner.prefix } : { prefix, name, value };
}

/** The variables of its own, and those of its `envFile`. */
function allEnv(server: ClientServer): Record<string, string> {
  const { envFile, env, folder } = server;
  return { ...(envFile === undefined ? {} : readEnvironmentFile(envFile, folder)), ...env };
}

function envOf(
  env: Readonly<Record<string, string>>,
  server: ClientServer,
  variables: Variables,
): { env?: Readonly<Record<string, string>> } {
  const entries = Object.entries(env).map(([name, value]) => [name, envValue(name, value, server, variables)]);
  return entries.length === 0 ? {} : { env: Object.fromEntries(entries) as Record<string, string> };
}

function envValue(name: string, value: string, server: ClientServer, variables: Variables): string {
  // Gemini CLI's form of a reference.
  const short = /^\$([A-Za-z_]\w*)$/.exec(value)?.[1];
  if (short !== undefined) return translate(`\${${short}}`, server, variables, { isOptional: false });
  if (hasReference(value)) return translate(value, server, variables, { isOptional: false, wanted: name });
  // A value that begins with "file:" would name a secret file.
  if (!isSecret(name, value) && !value.startsWith('file:')) {
    return translate(value, server, variables, { isOptional: false });
  }
  return `\${${variables.add(name, value, server.name)}}`;
}
