import { z } from 'zod';
import { namePrefix } from '../engine/labels.ts';
import type { ContainerRecord, EngineKind, Exit, LaunchSpec } from '../engine/engine.ts';

/** What goes between a bridge and its launcher, as JSON over the channel of a child process. */
export interface Port<In, Out> {
  send(message: Out): void;
  onMessage(listener: (message: In) => void): void;
  /** Has `listener` called once, when the other side is gone. */
  onClose(listener: () => void): void;
}

/** One variable: its value is never shown, and may be anything. */
const entry = z.strictObject({ name: z.string(), value: z.string(), secret: z.boolean() });
const mount = z.strictObject({
  ...{ kind: z.enum(['volume', 'bind']), from: z.string(), to: z.string(), readOnly: z.boolean() },
});
const image = z.strictObject({ kind: z.literal('image'), image: z.string(), digest: z.string().optional() });
const build = z.strictObject({ kind: z.literal('build'), context: z.string() });
const packaged = z.strictObject({
  ...{ kind: z.literal('package'), registry: z.enum(['npm', 'pypi']), name: z.string(), version: z.string() },
  ...{ bin: z.string().optional(), base: z.string(), scripts: z.boolean(), plainIn: z.string().optional() },
});
const command = z.strictObject({
  ...{ kind: z.literal('command'), cwd: z.string() },
  command: z.tuple([z.string()], z.string()),
});
/** Never a flag, and never anybody else’s. */
const containerName = z.string().startsWith(namePrefix);

const launchSpec = z.strictObject({
  name: containerName,
  labels: z.record(z.string(), z.string()),
  source: z.discriminatedUnion('kind', [image, command]),
  args: z.array(z.string()),
  env: z.array(entry),
  mounts: z.array(mount),
  // JSON leaves out what is undefined.
  user: z.string().optional(),
  network: z.enum(['outbound', 'none']),
  sandbox: z.enum(['default', 'strict']),
  resources: z.strictObject({ cpus: z.number(), memoryBytes: z.number(), pids: z.number() }),
  lifetimeSeconds: z.number(),
} satisfies Record<keyof LaunchSpec, z.ZodType>);

const engineKind = z.enum(['podman', 'docker', 'process']) satisfies z.ZodType<EngineKind>;
const id = z.number().int();
const token = z.uuid();

const preparation = {
  ...{ id, engine: engineKind, pull: z.enum(['missing', 'always', 'never']) },
  source: z.discriminatedUnion('kind', [image, build, packaged, command]),
};

/** What a bridge asks for: nothing else is ever done for it, and no other program run. */
export const request = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('detect'), id, wanted: z.enum(['auto', 'podman', 'docker']) }),
  z.strictObject({ kind: z.literal('prepare'), ...preparation }),
  z.strictObject({ kind: z.literal('renew'), ...preparation }),
  z.strictObject({ kind: z.literal('remove'), id, engine: engineKind, names: z.array(containerName) }),
  z.strictObject({ kind: z.literal('list'), id, engine: engineKind }),
  // Its streams come by the socket, each with this token.
  z.strictObject({ kind: z.literal('launch'), engine: engineKind, token, spec: launchSpec }),
  z.strictObject({ kind: z.literal('kill'), name: containerName }),
  z.strictObject({ kind: z.literal('abandonStarts'), engine: engineKind }),
  z.strictObject({ kind: z.literal('close'), engine: engineKind }),
  z.strictObject({ kind: z.literal('ping') }),
]);

export type Request = z.infer<typeof request>;
/** Those that are answered, by their id. */
export type Question = Extract<Request, { id: number }>;

/** An error as it crosses. */
export interface PlainError {
  /** Of a `BridgeError`; anything else has none. */
  readonly code?: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: string;
}

/** To whom a message is to be answered that is no request: who asked, or whose launch it was. */
export const sender = z.looseObject({
  id: id.optional().catch(undefined),
  spec: z.object({ name: z.string() }).optional().catch(undefined),
});

/** What a launcher says. */
export type Report =
  /** First of all: where it takes streams. */
  | { readonly kind: 'ready'; readonly socket: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: PlainError }
  /** A line of a pull or a build. */
  | { readonly kind: 'progress'; readonly id: number; readonly line: string }
  /** An engine may be gone. */
  | { readonly kind: 'trouble'; readonly engine: EngineKind }
  /** The streams of a launch are the child's now. */
  | { readonly kind: 'taken'; readonly name: string }
  | { readonly kind: 'running'; readonly name: string }
  | { readonly kind: 'died' | 'exited'; readonly name: string; readonly exit: Partial<Exit> }
  | { readonly kind: 'pong' };

/** What the answer to each question is. */
export interface Answers {
  readonly detect: {
    readonly kind: 'podman' | 'docker';
    readonly version: string;
    readonly skipped: readonly string[];
  };
  readonly prepare: LaunchSpec['source'];
  readonly renew: LaunchSpec['source'];
  readonly remove: undefined;
  readonly list: ContainerRecord[];
}
