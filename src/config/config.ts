import type { ErrorCode } from '../base/error-table.ts';

/** Where the process of a server comes from: all that an engine ever sees. */
export type ProcessSource =
  | ImageSource
  | { readonly kind: 'build'; readonly context: string }
  | PackageSource
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]]; readonly cwd: string };

/** An image, by a name that may stand for another one later. */
export interface ImageSource {
  readonly kind: 'image';
  readonly image: string;
  /** What the name stood for when it was last looked at; undefined before, and when that could not be told. */
  readonly digest?: string | undefined;
}

/** A package of a registry, installed into a stock image. */
export interface PackageSource {
  readonly kind: 'package';
  readonly registry: 'npm' | 'pypi';
  readonly name: string;
  /** Exactly this one. */
  readonly version: string;
  /** Which of its programs, where it has several. */
  readonly bin?: string | undefined;
  /** The image into which it is installed. */
  readonly base: string;
  /** Whether it, and whatever it needs, may run programs of its own while it is installed. */
  readonly scripts: boolean;
  /** Where it runs as a plain process of this host when there is no container engine; undefined when it may not. */
  readonly plainIn?: string | undefined;
}

/** A server that speaks Streamable HTTP already. */
export interface UrlSource {
  readonly kind: 'url';
  readonly url: string;
  readonly headers: readonly HeaderEntry[];
}

/** An HTTP app whose operations become tools. */
export interface AppSource {
  readonly kind: 'app';
  /** All requests go below it; undefined when the document says where. */
  readonly baseUrl: string | undefined;
  /** Sent with every request. */
  readonly headers: readonly HeaderEntry[];
  readonly query: readonly HeaderEntry[];
  /** For one answer. */
  readonly timeoutMs: number;
  /** Requests at once. */
  readonly concurrency: number;
  readonly maxAnswerBytes: number;
  readonly tools: OpenApiTools | { readonly kind: 'by hand'; readonly tools: readonly HandTool[] };
}

/** Tools that a document describes. */
export interface OpenApiTools {
  readonly kind: 'openapi';
  readonly document: OpenApiDocument;
  /** Patterns, see `apps/selection.ts`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** By operationId. */
  readonly rename: Readonly<Record<string, string>>;
  readonly describe: Readonly<Record<string, string>>;
  /** Whether tools state what they answer. */
  readonly hasOutputs: boolean;
}

/** A file with its text, or an address that is read when the server opens. */
export type OpenApiDocument =
  | { readonly kind: 'file'; readonly file: string; readonly text: string }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'url'; readonly url: string };

/** A tool that is written out in the configuration. */
export interface HandTool {
  readonly name: string;
  readonly description: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body: 'json' | 'form' | 'multipart' | 'text' | 'binary';
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header' | 'body';
    readonly isRequired: boolean;
    readonly schema: Readonly<Record<string, unknown>>;
  }[];
}

/** Several servers of this file behind one endpoint. */
export interface GroupSource {
  readonly kind: 'group';
  /** Their names; undefined for all that there are. */
  readonly servers: readonly string[] | undefined;
  /** Between a server's name and the names of its tools and prompts. */
  readonly separator: string;
  /** A list waits so long for servers of which nothing is known yet. */
  readonly listWaitMs: number;
}

/** What stands behind a server: a process that Gangway starts, or something that runs already. */
export type Source = ProcessSource | UrlSource | AppSource | GroupSource;

/** A header, or a query parameter, of the requests that Gangway makes. `secret` when its value came from outside the file. */
export interface HeaderEntry {
  readonly name: string;
  readonly value: string;
  readonly secret: boolean;
}

/** One variable of a server's environment. `secret` when its value came from outside the file. */
export interface EnvEntry {
  readonly name: string;
  readonly value: string;
  readonly secret: boolean;
}

/** A named volume, or a host path (absolute, resolved). */
export interface Mount {
  readonly kind: 'volume' | 'bind';
  readonly from: string;
  readonly to: string;
  readonly readOnly: boolean;
}

export interface PoolConfig {
  /** `sharing: session`: containers kept started and not spoken to. */
  readonly warm: number;
  /** `sharing: shared`: initialised containers that are kept in any case. */
  readonly min: number;
  readonly max: number;
  /** `sharing: shared`: how the number of containers follows the load. */
  readonly scaling: ScalingConfig;
  /** `sharing: shared`: requests in flight on one container; more wait in line. */
  readonly maxOngoing: number;
  /** `sharing: shared`: requests after which a container is replaced; 0 sets no limit. */
  readonly maxUses: number;
  readonly queue: number;
  readonly acquireTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxAgeMs: number;
}

/** Ray Serve's names and arithmetic, see `pool/autoscaler.ts`. */
export interface ScalingConfig {
  /** Requests, running and queued, that one container should have: what the number of containers aims at. */
  readonly target: number;
  readonly upscaleDelayMs: number;
  readonly downscaleDelayMs: number;
  /** The load is averaged over this time. */
  readonly lookBackMs: number;
  readonly upscaleFactor: number;
  readonly downscaleFactor: number;
}

/** Which tools of a server clients see, by the server's own names; `*` in a pattern stands for any characters. */
export interface ToolsConfig {
  /** Patterns; undefined shows all. */
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[];
  readonly rename: ReadonlyMap<string, string>;
  readonly describe: ReadonlyMap<string, string>;
  /** What each tool was when it was looked at, see `pinOf`; empty pins nothing. */
  readonly pin: ReadonlyMap<string, string>;
  /** What becomes of a tool that is not what was pinned. */
  readonly onChange: 'block' | 'warn';
}

export type Sharing = 'session' | 'shared';

/** How requests of 2026-07-28 are served; `auto` depends on what the server can do. */
export type ModernChoice = 'auto' | 'translate' | 'per-call' | 'fallback';

export interface ServerConfig {
  readonly name: string;
  readonly source: Source;
  readonly args: readonly string[];
  readonly env: readonly EnvEntry[];
  readonly mounts: readonly Mount[];
  readonly user: string | undefined;
  readonly sharing: Sharing;
  readonly network: 'outbound' | 'none';
  readonly sandbox: 'default' | 'strict';
  readonly pull: 'missing' | 'always' | 'never';
  /** 0 in any of the three sets no limit. */
  readonly resources: { readonly cpus: number; readonly memoryBytes: number; readonly pids: number };
  readonly pool: PoolConfig;
  readonly startTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly maxCallTimeMs: number;
  readonly modern: ModernChoice;
  /** A call of 2026-07-28 that needs input waits so long for its client to come back with it. */
  readonly inputTimeoutMs: number;
  /** An idle server is asked this often whether it lives. */
  readonly pingIntervalMs: number;
  readonly maxLineBytes: number;
  /** Which tools clients see; undefined shows all as they are. */
  readonly tools: ToolsConfig | undefined;
  /** What a session keeps for clients that come back: 0 events keep nothing. */
  readonly replay: { readonly events: number; readonly bytes: number; readonly ageMs: number };
  /** Why this server is switched off while the others run; undefined when it is on. */
  readonly disabled: { readonly code: ErrorCode; readonly reason: string } | undefined;
}

/** A server that Gangway starts itself. */
export type ProcessServer = ServerConfig & { readonly source: ProcessSource };

/** Whether a server has a process of its own, and so an engine, a pool and a sandbox. */
export function hasProcess(server: ServerConfig): server is ProcessServer {
  const { kind } = server.source;
  return kind !== 'url' && kind !== 'app' && kind !== 'group';
}

export interface ListenConfig {
  readonly host: string;
  readonly port: number;
  readonly insecureNoAuth: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly maxBodyBytes: number;
  /** Whether the transport of 2024-11-05 is served too. */
  readonly sse: boolean;
}

/** For all servers together; 0 sets no limit, where it is allowed. */
export interface Limits {
  readonly starts: number;
  readonly sessions: number;
  /** Requests under way. */
  readonly calls: number;
  /** Calls of 2026-07-28 that wait for input. */
  readonly rounds: number;
  /** Containers of all servers, whatever their state. */
  readonly containers: number;
  /** The sum of their `resources.memory`. */
  readonly memoryBytes: number;
}

/** The whole configuration, validated and frozen. */
export interface Config {
  /** The file it came from, absolute. */
  readonly file: string;
  readonly listen: ListenConfig;
  readonly engine: 'auto' | 'podman' | 'docker';
  readonly limits: Limits;
  readonly servers: ReadonlyMap<string, ServerConfig>;
  /** Several of them behind one endpoint; `allServers` is the one for all. */
  readonly groups: ReadonlyMap<string, ServerConfig>;
}

/** All that has a name under which it is served. */
export function servedBy({ servers, groups }: Config): ReadonlyMap<string, ServerConfig> {
  return new Map([...servers, ...groups]);
}

/** The name of the endpoint for all servers: `/mcp`. */
export const allServers = 'mcp';
