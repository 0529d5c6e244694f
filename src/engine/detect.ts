import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { BridgeError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { CliEngine, type FoundClient } from './cli-engine.ts';
import type { ConmonPlaces } from './conmon.ts';
import { ownToken } from './labels.ts';
import { clientEnvironment, type RunDialect } from './run-args.ts';
import { needSpareDescriptors } from './spare-descriptors.ts';

const answerMs = 10_000;

interface Detected {
  readonly engine: CliEngine;
  /** Those tried before it, and why each does not work. */
  readonly skipped: readonly string[];
}

/**
 * Finds an engine that works: Podman, then Docker, or just the one that is asked for.
 *
 * @param token of the run that starts containers with it, see `Owner`
 * @throws {BridgeError} `ENGINE_UNAVAILABLE` that says of each one tried why it does not work
 */
export async function detectEngine(
  wanted: 'auto' | 'podman' | 'docker',
  environment: NodeJS.ProcessEnv,
  clock: Clock,
  token: string = ownToken(),
): Promise<Detected> {
  const kinds = wanted === 'auto' ? (['podman', 'docker'] as const) : [wanted];
  const reasons: string[] = [];
  for (const kind of kinds) {
    const file = findProgram(kind, environment['PATH'] ?? '');
    if (file === undefined) {
      reasons.push(`${kind}: not found on PATH`);
      continue;
    }
    const found = await probe(kind, file, environment);
    if (typeof found !== 'string') {
      return { engine: new CliEngine({ file, ...found }, environment, clock, token), skipped: reasons };
    }
    reasons.push(`${kind}: ${found}`);
  }
  throw new BridgeError('ENGINE_UNAVAILABLE', `Cannot find a container engine: ${reasons.join('; ')}`, {
    tried: reasons,
  });
}

const podmanInfo = z.object({
  host: z.object({
    serviceIsRemote: z.boolean().optional(),
    security: z.object({ rootless: z.boolean() }).optional(),
  }),
  store: z.object({ graphRoot: z.string(), graphDriverName: z.string() }).optional(),
  version: z.object({ Version: z.string() }),
});
const dockerInfo = z.object({ Server: z.object({ Version: z.string() }) });

/** Asks the engine behind a client for its version; a text is the reason why it does not work. */
async function probe(
  kind: RunDialect['kind'],
  file: string,
  environment: NodeJS.ProcessEnv,
): Promise<Omit<FoundClient, 'file'> | string> {
  const args = kind === 'podman' ? ['info', '--format', 'json'] : ['version', '--format', 'json'];
  needSpareDescriptors();
  const { exitCode, stdout, stderr, timedOut } = await execa(file, args, {
    ...{ env: clientEnvironment(environment, []), extendEnv: false, stdin: 'ignore', reject: false, timeout: answerMs },
  });
  if (timedOut) return `no answer within ${answerMs / 1000} s`;
  if (exitCode !== 0) return lastLine(stderr) ?? `exit code ${exitCode ?? 'unknown'}`;
  try {
    const answer: unknown = JSON.parse(stdout);
    return kind === 'docker' ? dockerFrom(answer) : podmanFrom(answer, environment);
  } catch {
    return 'its answer could not be read';
  }
}

function dockerFrom(answer: unknown): Omit<FoundClient, 'file'> {
  return { version: dockerInfo.parse(answer).Server.Version, dialect: { kind: 'docker', isRemote: false } };
}

function podmanFrom(answer: unknown, environment: NodeJS.ProcessEnv): Omit<FoundClient, 'file'> {
  const info = podmanInfo.parse(answer);
  const isRemote = info.host.serviceIsRemote ?? false;
  const places = isRemote ? undefined : conmonPlaces(info, environment);
  return {
    version: info.version.Version,
    dialect: { kind: 'podman', isRemote },
    ...(places === undefined ? {} : { conmon: places }),
  };
}

/** Podman does not tell where its monitors leave exit codes: these are its defaults. Elsewhere nothing is found there. */
function conmonPlaces(
  { host, store }: z.infer<typeof podmanInfo>,
  environment: NodeJS.ProcessEnv,
): ConmonPlaces | undefined {
  const runtime = environment['XDG_RUNTIME_DIR'];
  if (!store || (host.security?.rootless && runtime === undefined)) return undefined;
  return {
    exits: host.security?.rootless ? path.join(runtime ?? '', 'libpod/tmp/exits') : '/run/libpod/exits',
    bundles: path.join(store.graphRoot, `${store.graphDriverName}-containers`),
  };
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .findLast((line) => line.trim() !== '')
    ?.trim();
}

function findProgram(name: string, searchPath: string): string | undefined {
  for (const folder of searchPath.split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here; the next folder.
    }
  }
  return undefined;
}
