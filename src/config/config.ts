import type { ErrorCode } from '../base/error-table.ts';

/** Where the process of a server comes from. */
export type Source =
  | { readonly kind: 'image'; readonly image: string }
  | { readonly kind: 'build'; readonly context: string }
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]]; readonly cwd: string };

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
  readonly warm: number;
  readonly max: number;
  readonly queue: number;
  readonly acquireTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxAgeMs: number;
}

export interface ServerConfig {
  readonly name: string;
  readonly source: Source;
  readonly args: readonly string[];
  readonly env: readonly EnvEntry[];
  readonly mounts: readonly Mount[];
  readonly user: string | undefined;
  readonly sharing: 'session';
  readonly network: 'outbound' | 'none';
  readonly sandbox: 'default' | 'strict';
  readonly pull: 'missing' | 'always' | 'never';
  /** 0 in any of the three sets no limit. */
  readonly resources: { readonly cpus: number; readonly memoryBytes: number; readonly pids: number };
  readonly pool: PoolConfig;
  readonly startTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly maxCallTimeMs: number;
  readonly maxLineBytes: number;
  /** What a session keeps for clients that come back: 0 events keep nothing. */
  readonly replay: { readonly events: number; readonly bytes: number; readonly ageMs: number };
  /** Why this server is switched off while the others run; undefined when it is on. */
  readonly disabled: { readonly code: ErrorCode; readonly reason: string } | undefined;
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

/** The whole configuration, validated and frozen. */
export interface Config {
  /** The file it came from, absolute. */
  readonly file: string;
  readonly listen: ListenConfig;
  readonly engine: 'auto' | 'podman' | 'docker';
  readonly limits: { readonly starts: number; readonly sessions: number };
  readonly servers: ReadonlyMap<string, ServerConfig>;
}
