import { parseArgs } from 'node:util';
import { closestTo } from '../base/closest.ts';
import { BridgeError, codeOf, messageOf } from '../base/errors.ts';
import type { LogFormat, LogLevel } from '../base/log.ts';
import { defined } from '../config/defined.ts';
import type { Overrides } from '../config/load.ts';

const commands = [
  'serve',
  'add',
  'import',
  'connect',
  'check',
  'tools',
  'call',
  'ps',
  'top',
  'logs',
  'recycle',
  'drain',
  'build',
  'schema',
] as const;
type Command = (typeof commands)[number];

/** A command line, checked. */
export interface Arguments {
  readonly command: Command;
  /** What stands after the command. */
  readonly operands: readonly string[];
  readonly config: string;
  readonly overrides: Overrides;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat | undefined;
  readonly isJson: boolean;
  /** `logs`: how many of each container. */
  readonly lines: number;
  readonly isFollow: boolean;
  readonly isOnce: boolean;
  /** `tools`: prints what pins them. */
  readonly isPins: boolean;
  /** `build`: where the image is to go. */
  readonly push: string | undefined;
  readonly isHelp: boolean;
  readonly isVersion: boolean;
  /** Serve the embedded examples when there is no container engine. */
  readonly examplesWithoutEngine: boolean;
  /** `add`: what the server is. Its program, for `command`, is in the operands. */
  readonly source: {
    readonly command: boolean;
    readonly package: string | undefined;
    readonly url: string | undefined;
  };
  readonly name: string | undefined;
  /** As they are written: `KEY=VALUE`, or `KEY` alone. */
  readonly env: readonly string[];
  readonly headers: readonly string[];
  readonly isInsecureHttp: boolean;
  readonly isShared: boolean;
  readonly isReplace: boolean;
  /** `import`: where the secrets go. */
  readonly secretsFile: string | undefined;
  readonly isDryRun: boolean;
  /** Asks nothing that can be answered with yes. */
  readonly isYes: boolean;
  /** `connect`: the one endpoint for all servers. */
  readonly isAll: boolean;
  /** `connect`: into the client’s file. */
  readonly isWrite: boolean;
}

const options = {
  config: { type: 'string', short: 'c' },
  host: { type: 'string' },
  port: { type: 'string', short: 'p' },
  engine: { type: 'string' },
  'allow-process': { type: 'boolean' },
  'insecure-no-auth': { type: 'boolean' },
  'examples-without-engine': { type: 'boolean' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  json: { type: 'boolean' },
  lines: { type: 'string', short: 'n' },
  follow: { type: 'boolean', short: 'f' },
  once: { type: 'boolean' },
  pins: { type: 'boolean' },
  push: { type: 'string' },
  name: { type: 'string' },
  env: { type: 'string', short: 'e', multiple: true },
  header: { type: 'string', multiple: true },
  'insecure-http': { type: 'boolean' },
  secrets: { type: 'string' },
  command: { type: 'boolean' },
  package: { type: 'string' },
  url: { type: 'string' },
  shared: { type: 'boolean' },
  replace: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  all: { type: 'boolean' },
  print: { type: 'boolean' },
  write: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** How many operands each command takes, at least and at most. */
const operandCounts: Readonly<Record<Command, readonly [number, number]>> = {
  serve: [0, 0],
  add: [0, 200],
  import: [1, 100],
  connect: [0, 100],
  check: [0, 1],
  tools: [1, 1],
  call: [2, 3],
  build: [1, 1],
  ps: [0, 0],
  top: [0, 0],
  logs: [1, 1],
  recycle: [1, 1],
  drain: [0, 0],
  schema: [0, 0],
};

export const usage = `Gangway puts stdio MCP server images on HTTP.

Usage: gangway [COMMAND] [OPTIONS]

Commands:
  serve                    serve the servers of the file (the default)
  add IMAGE [ARG…]         try an image, ask for what it needs, write it into the file
  import FILE…             take over the servers in the settings of MCP clients
  connect [CLIENT] [NAME…] print what a client needs to reach the servers
  check [NAME]             try everything: file, secrets, engine, images, handshakes, tools
  tools NAME               list the tools of a server
  call NAME TOOL [JSON]    call a tool
  build NAME               build the image of a server; --push REF puts it into a registry
  ps                       list the containers of Gangway on the engine
  top                      watch the running bridge: servers, containers, sessions, failures
  logs NAME                print what the containers of a server wrote to stderr
  recycle NAME             replace the containers of a server that stand ready
  drain                    end the running bridge: calls under way finish first
  schema                   print the JSON Schema of servers.yaml

Options:
  -c, --config FILE        the configuration (servers.yaml)
      --host ADDRESS       listen here, or find the running bridge here (listen.host, 127.0.0.1)
  -p, --port PORT          the same (listen.port, 8808)
      --engine NAME        podman or docker (auto: the first that works)
      --allow-process      let "command:" servers run as plain processes of this host
      --insecure-no-auth   listen on an address that other machines can reach
      --log-level LEVEL    trace, debug, info, warn, error, silent (info)
      --log-format FORMAT  json or pretty (pretty on a terminal)
      --json               print JSON instead of text
  -n, --lines N            logs: the last N lines of each container (50)
  -f, --follow             logs: go on with what comes
      --pins               tools: print what pins them, for the server’s entry
      --push REF           build: the name under which the image goes into a registry
      --once               top: print one table and end, as it does when the output is no terminal
      --name NAME          add: the name it is served by
      --package SPEC, --url URL, --command
                           add: npm:NAME@VERSION or pypi:…, an address, a command line (after --)
  -e, --env KEY[=VALUE]    add: a variable of the server; KEY alone is read from the environment
      --header NAME=VALUE  add --url: a header of every request
      --insecure-http      add --url: allow plain http:// to another machine
      --shared             add: all clients share its containers
      --replace            add: in place of the server of that name
      --secrets FILE       import: write the secrets there, for you alone
      --dry-run            add, import, connect: write nothing
  -y, --yes                add, connect: do not ask before writing
      --all                connect: one endpoint for all servers, instead of one for each
      --write              connect: into the client’s file in this folder, after showing the change
  -v, --version            print the version
  -h, --help               print this
`;

/** @throws {BridgeError} `CONFIG_INVALID` that names the word and what was wanted */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [word = 'serve', ...operands] = positionals;
  const command = oneOf(word, commands, 'command');
  const [least, most] = operandCounts[command];
  const isInformation = values.help === true || values.version === true;
  if (!isInformation && (operands.length < least || operands.length > most)) {
    refuse(`"gangway ${command}" got ${operands.length} operands, see gangway --help`);
  }
  return {
    command,
    operands,
    config: values.config ?? 'servers.yaml',
    overrides: overridesOf(values),
    logLevel: oneOf(values['log-level'] ?? 'info', logLevels, '--log-level'),
    logFormat: oneOfOptional(values['log-format'], ['json', 'pretty'] as const, '--log-format'),
    isJson: values.json === true,
    lines: values.lines === undefined ? 50 : wholeNumber(values.lines, '--lines', 1000),
    isFollow: values.follow === true,
    isOnce: values.once === true,
    isPins: values.pins === true,
    push: values.push === undefined ? undefined : imageReference(values.push),
    isHelp: values.help === true,
    isVersion: values.version === true,
    examplesWithoutEngine: values['examples-without-engine'] === true,
    ...entryOptions(values),
  };
}

function entryOptions(values: ReturnType<typeof parse>['values']) {
  if (values.print === true && values.write === true) refuse('got --print and --write, wanted one of them');
  return {
    source: { command: values.command === true, package: values.package, url: values.url },
    name: values.name,
    env: values.env ?? [],
    headers: values.header ?? [],
    isInsecureHttp: values['insecure-http'] === true,
    isShared: values.shared === true,
    isReplace: values.replace === true,
    secretsFile: values.secrets,
    isDryRun: values['dry-run'] === true,
    isYes: values.yes === true,
    isAll: values.all === true,
    isWrite: values.write === true,
  };
}

function overridesOf(values: ReturnType<typeof parse>['values']): Overrides {
  const engine = values.engine === 'auto' ? undefined : values.engine;
  return defined({
    host: values.host,
    port: values.port === undefined ? undefined : wholeNumber(values.port, '--port', 65_535),
    engine: oneOfOptional(engine, ['podman', 'docker'] as const, '--engine'),
    insecureNoAuth: values['insecure-no-auth'],
    allowProcess: values['allow-process'],
  });
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (codeOf(error)?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
    const given = /'(--?[^' =]+)/.exec(messageOf(error))?.[1];
    if (codeOf(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && given !== undefined) {
      return refuse(`unknown option ${given}${nearest(given.replace(/^-+/, ''), Object.keys(options), '--')}`);
    }
    return refuse(messageOf(error));
  }
}

function oneOf<T extends string>(word: string, known: readonly T[], what: string): T {
  const found = known.find((candidate) => candidate === word);
  return found ?? refuse(`unknown ${what} "${word}", wanted ${known.join(', ')}${nearest(word, known, '')}`);
}

function oneOfOptional<T extends string>(word: string | undefined, known: readonly T[], what: string): T | undefined {
  return word === undefined ? undefined : oneOf(word, known, what);
}

function nearest(word: string, known: readonly string[], prefix: string): string {
  const best = closestTo(word, known);
  return best !== undefined ? `; did you mean ${prefix}${best}?` : '';
}

function wholeNumber(text: string, option: string, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number <= most) return number;
  return refuse(`${option} got "${text}", wanted a whole number from 0 to ${most}`);
}

function imageReference(text: string): string {
  if (/^[a-zA-Z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+(:[a-zA-Z0-9._-]+)?$/.test(text)) return text;
  return refuse(
    `--push got "${text}", wanted the full name of an image, such as registry.example.com/team/weather:1.0`,
  );
}

function refuse(sentence: string): never {
  throw new BridgeError('CONFIG_INVALID', sentence);
}
