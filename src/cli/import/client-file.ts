import { homedir } from 'node:os';
import path from 'node:path';
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { z } from 'zod';
import { BridgeError } from '../../base/errors.ts';
import type { ToolLists } from './tool-filter.ts';
import { splitWords } from './words.ts';

/** A server as the settings of a client have it, whichever client that is. */
export interface ClientServer {
  readonly name: string;
  /** The file's own name, for people. */
  readonly file: string;
  /** What relative paths count from, and what `${workspaceFolder}` means. */
  readonly folder: string;
  readonly command: readonly string[] | undefined;
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: string | undefined;
  readonly url: string | undefined;
  /** Undefined when the client finds out. */
  readonly transport: 'http' | 'sse' | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly isOff: boolean;
  readonly toolLists: ToolLists;
  /** What its client asks its user for: `${input:ID}` → the question. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Keys that mean something to that client only. */
  readonly ignored: readonly string[];
}

/** An entry that cannot be read. */
export interface UnreadableServer {
  readonly name: string;
  readonly file: string;
  readonly why: string;
}

/**
 * The servers in a client's settings: `mcpServers` (Claude Desktop, Claude Code, Cursor, Windsurf, Gemini CLI), `servers`
 * (VS Code) or `context_servers` (Zed); JSON with comments and trailing commas.
 *
 * @throws {BridgeError} `CONFIG_INVALID` when it is no JSON, or has none of these
 */
export function serversOfClient(text: string, file: string): (ClientServer | UnreadableServer)[] {
  const errors: ParseError[] = [];
  const raw: unknown = parse(text.replace(/^\uFEFF/, ''), errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error) throw notJson(text, file, error);
  const shape = shapeSchema.safeParse(raw);
  const found = shape.success ? sections(shape.data) : [];
  if (found.length === 0) {
    const wanted = 'wanted "mcpServers", "servers" (VS Code) or "context_servers" (Zed)';
    throw new BridgeError('CONFIG_INVALID', `${file}: has no MCP servers, ${wanted}`);
  }
  const inputs = new Map((shape.data?.inputs ?? []).map(({ id, description = '' }) => [id, description]));
  const place = { file: path.basename(file), folder: projectOf(path.resolve(file)), inputs };
  return found.flatMap((servers) => Object.entries(servers)).map(([name, entry]) => readServer(name, entry, place));
}

const section = z.record(z.string(), z.unknown()).optional().catch(undefined);
const shapeSchema = z.looseObject({
  mcpServers: section,
  servers: section,
  context_servers: section,
  // VS Code's settings.json, before it had mcp.json.
  mcp: z.looseObject({ servers: section }).optional().catch(undefined),
  inputs: z
    .array(z.looseObject({ id: z.string(), description: z.string().optional() }))
    .optional()
    .catch(undefined),
});

function sections(shape: z.infer<typeof shapeSchema>): Record<string, unknown>[] {
  const all = [shape.mcpServers, shape.servers, shape.context_servers, shape.mcp?.servers];
  return all.filter((servers) => servers !== undefined);
}

function notJson(text: string, file: string, { error, offset }: ParseError): BridgeError {
  const before = text.slice(0, offset).split('\n');
  const place = `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
  const words = printParseErrorCode(error)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return new BridgeError('CONFIG_INVALID', `${place}: not valid JSON: ${words}`);
}

/** The folder of a project whose settings are in a folder of their own: `.vscode/mcp.json` → its parent. */
function projectOf(file: string): string {
  const folder = path.dirname(file);
  const isOwn = folder !== homedir() && /^\.(vscode|cursor|zed|gemini|windsurf|codeium)$/.test(path.basename(folder));
  return isOwn ? path.dirname(folder) : folder;
}

const texts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).nullish();
const list = z.array(z.union([z.string(), z.number()]).transform(String)).nullish();
/** Zed's older form. */
const nestedCommand = z.object({ path: z.string(), args: list, env: texts });
const entrySchema = z.looseObject({
  command: z.union([z.string(), nestedCommand]).optional(),
  args: list,
  env: texts,
  envFile: z.string().optional(),
  cwd: z.string().nullish(),
  url: z.string().optional(),
  serverUrl: z.string().optional(),
  httpUrl: z.string().optional(),
  headers: texts,
  type: z.string().optional(),
  transport: z.string().optional(),
  disabled: z.boolean().optional(),
  enabled: z.boolean().optional(),
  ...{ includeTools: list, tools: list, excludeTools: list, disabledTools: list },
});
type RawEntry = z.infer<typeof entrySchema>;

const knownKeys: ReadonlySet<string> = new Set([
  ...Object.keys(entrySchema.shape),
  'source',
  'settings',
  'description',
]);

function readServer(
  name: string,
  raw: unknown,
  place: Pick<ClientServer, 'file' | 'folder' | 'inputs'>,
): ClientServer | UnreadableServer {
  const parsed = entrySchema.safeParse(raw);
  if (!parsed.success) {
    return { name, file: place.file, why: whyUnreadable(parsed.error) };
  }
  const entry = parsed.data;
  const { args, env } = typeof entry.command === 'object' ? entry.command : entry;
  return {
    ...place,
    name,
    command: commandOf(entry, args ?? []),
    cwd: entry.cwd ?? undefined,
    env: withoutNull(env),
    envFile: entry.envFile,
    ...remoteOf(entry),
    isOff: entry.disabled === true || entry.enabled === false,
    toolLists: entry,
    ignored: Object.keys(entry).filter((key) => !knownKeys.has(key)),
  };
}

function whyUnreadable({ issues: [issue] }: z.ZodError): string {
  const place = issue?.path.join('.') ?? '';
  return `cannot read ${place === '' ? 'its entry' : place}: ${issue?.message ?? ''}`;
}

function commandOf({ command }: RawEntry, args: readonly string[]): readonly string[] | undefined {
  if (command === undefined) return undefined;
  if (typeof command === 'object') return [command.path, ...args];
  // The whole command line in one text, as it is typed.
  return args.length === 0 && /\s/.test(command) && !path.isAbsolute(command)
    ? splitWords(command)
    : [command, ...args];
}

function remoteOf(entry: RawEntry): Pick<ClientServer, 'url' | 'transport' | 'headers'> {
  const url = entry.httpUrl ?? entry.serverUrl ?? entry.url;
  return { url, transport: transportOf(entry), headers: withoutNull(entry.headers) };
}

function transportOf({ type, transport, httpUrl, url }: RawEntry): 'http' | 'sse' | undefined {
  const named = (type ?? transport ?? '').toLowerCase();
  if (named === 'sse') return 'sse';
  if (httpUrl !== undefined || /^(streamable[-_]?)?http$/.test(named)) return 'http';
  return url !== undefined && /\/sse\/?([?#].*)?$/.test(url) ? 'sse' : undefined;
}

function withoutNull(record: z.infer<typeof texts>): Record<string, string> {
  const entries = Object.entries(record ?? {}).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}
