import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { BridgeError, codeOf } from '../base/errors.ts';
import type { Config, Limits, ListenConfig } from './config.ts';
import { diagnose, SourceMap, type Diagnostic } from './diagnose.ts';
import { interpolate, secretKey } from './interpolate.ts';
import { isLoopback } from './loopback.ts';
import { defaults } from './defaults.ts';
import { defined } from './defined.ts';
import { resolveGroups } from './resolve-group.ts';
import { resolveServer } from './resolve-server.ts';
import { fileSchema, type FileConfig } from './schema.ts';

/** What the command line may change. */
export interface Overrides {
  readonly host?: string;
  readonly port?: number;
  readonly engine?: 'podman' | 'docker';
  readonly insecureNoAuth?: boolean;
  readonly allowProcess?: boolean;
}

/** A configuration file that was read, and can be read again. */
export interface ConfigFile {
  readonly config: Config;
  /** What the configuration was made from. */
  readonly text: string;
  /** @throws {BridgeError} `CONFIG_INVALID` when it cannot be read */
  read(): string;
  /** @throws {BridgeError} `CONFIG_INVALID` */
  parse(text: string): Config;
}

/**
 * Reads, fills in, validates and freezes a configuration file.
 *
 * @param file as the user wrote it; messages name it so
 * @throws {BridgeError} `CONFIG_INVALID` with one line for each thing that is wrong: file, line, key, what was wanted
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv, overrides: Overrides = {}): Config {
  return openConfig(file, environment, overrides).config;
}

/** The same, for whoever follows the file's changes. */
export function openConfig(file: string, environment: NodeJS.ProcessEnv, overrides: Overrides): ConfigFile {
  const read = (): string => readText(file);
  const parse = (text: string): Config => parseConfig(text, file, environment, overrides);
  const text = read();
  return { config: parse(text), text, read, parse };
}

/** The same for a text that was read already; relative paths in it count from the folder of `file`. */
export function parseConfig(text: string, file: string, environment: NodeJS.ProcessEnv, overrides: Overrides): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: false, uniqueKeys: true, prettyErrors: false });
  const places = new SourceMap(file, document, lines);
  const refuse = (diagnostics: readonly Diagnostic[]): void => {
    if (diagnostics.length === 0) return;
    throw new BridgeError('CONFIG_INVALID', diagnostics.map((found) => places.describe(found)).join('\n'));
  };

  const refuseAt = (offset: number, message: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new BridgeError('CONFIG_INVALID', `${file}:${line}:${col}: ${message}`);
  };
  // A warning, such as an unknown tag, would silently become a value that nobody wrote.
  const [broken] = [...document.errors, ...document.warnings];
  // What follows the colon may quote the file, and the file may hold a secret.
  if (broken) refuseAt(broken.pos[0], `not valid YAML: ${broken.message.split(':', 1)[0] ?? ''}`);
  visit(document, {
    Alias: (_, node) => refuseAt(node.range?.[0] ?? 0, 'aliases are not allowed; write the value out'),
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '__proto__')
        refuseAt(key.range?.[0] ?? 0, 'the key "__proto__" is not allowed');
    },
  });

  const absolute = path.resolve(file);
  const filled = interpolate(document, environment, path.dirname(absolute));
  refuse(filled.errors);
  const raw: unknown = writeOut(document.toJS({ maxAliasCount: 0 }) ?? {});
  const parsed = fileSchema.safeParse(raw, {
    error: ({ code, expected }) => (code === 'invalid_type' && expected === 'object' ? 'wanted a mapping' : undefined),
  });
  if (!parsed.success) {
    refuse(diagnose(parsed.error.issues, raw));
    throw parsed.error;
  }

  const errors: Diagnostic[] = [];
  const servers = Object.entries(parsed.data.servers).map(([name, entry]) =>
    resolveServer(name, entry, parsed.data.defaults ?? {}, {
      directory: path.dirname(absolute),
      missing: filled.missing.get(name),
      isSecret: (...place) => filled.secrets.has(secretKey(name, ...place)),
      allowProcess: overrides.allowProcess ?? false,
      report: (key, message) => errors.push({ path: ['servers', name, ...key], message }),
    }),
  );
  const byName = new Map(servers.map((server) => [server.name, server]));
  const groups = resolveGroups(parsed.data, byName, errors);
  const listen = resolveListen(parsed.data, overrides, errors);
  refuse(errors);

  return deepFreeze({
    file: absolute,
    listen,
    engine: overrides.engine ?? parsed.data.engine ?? 'auto',
    limits: resolveLimits(parsed.data),
    servers: byName,
    groups: new Map(groups.map((group) => [group.name, group])),
  });
}

/** `openapi: FILE` is short for `openapi: { document: FILE }`. */
function writeOut(raw: unknown): unknown {
  const { servers } = raw as { servers?: unknown };
  if (typeof servers !== 'object' || servers === null) return raw;
  for (const entry of Object.values(servers) as ({ openapi?: unknown } | null)[]) {
    if (typeof entry?.openapi === 'string') entry.openapi = { document: entry.openapi };
  }
  return raw;
}

function resolveLimits({ limits }: FileConfig): Limits {
  const { memory, ...counts } = { ...defaults.limits, ...defined(limits) };
  return { ...counts, memoryBytes: memory };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const wanted = 'wanted a readable servers.yaml (see --config)';
    throw new BridgeError('CONFIG_INVALID', `${file}: cannot be read (${codeOf(error) ?? 'error'}); ${wanted}`);
  }
}

function resolveListen({ listen }: FileConfig, overrides: Overrides, errors: Diagnostic[]): ListenConfig {
  const settings = { ...defaults.listen, ...defined(listen), ...defined(overrides) };
  const { host, port, insecureNoAuth, allowedHosts, allowedOrigins, maxBodyBytes, sse } = settings;
  const isExposed = !isLoopback(host) && !insecureNoAuth;
  if (isExposed && overrides.host !== undefined) {
    throw new BridgeError('CONFIG_INVALID', `--host ${exposed(host)}`);
  }
  if (isExposed) {
    errors.push({
      path: ['listen', 'host'],
      message: exposed(host),
    });
  }
  return { host, port, insecureNoAuth, allowedHosts, allowedOrigins, maxBodyBytes, sse };
}

function exposed(host: string): string {
  const wanted = 'wanted a loopback address, or insecureNoAuth: true (--insecure-no-auth)';
  return `"${host}" can be reached from other machines and Gangway asks nobody who they are; ${wanted}`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part);
  return value;
}
