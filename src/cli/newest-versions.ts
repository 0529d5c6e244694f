import { execa } from 'execa';
import PQueue from 'p-queue';

/** What npm says of packages without an exact version: `NAME` or `NAME@TAG` → the version that this is today. */
export type NewestVersions = ReadonlyMap<string, string>;

/** All of them together take no longer, in milliseconds. */
const limitMs = 15_000;
const atOnce = 4;

/**
 * Asks npm, as it is on this machine and with its registry, which versions packages have now.
 *
 * @param specs each `NAME` or `NAME@TAG`, checked already: no option of npm's
 * @returns without those that it does not tell: no npm, no network, no such package, or too late
 */
export async function newestVersions(
  specs: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal = AbortSignal.timeout(limitMs),
): Promise<NewestVersions> {
  const queue = new PQueue({ concurrency: atOnce });
  const ask = async (spec: string): Promise<[string, string | undefined]> => [
    spec,
    await queue.add(() => newestVersion(spec, environment, signal)),
  ];
  const found = await Promise.all([...new Set(specs)].map(ask));
  return new Map(found.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

async function newestVersion(
  spec: string,
  environment: NodeJS.ProcessEnv,
  cancelSignal: AbortSignal,
): Promise<string | undefined> {
  const { stdout } = await execa('npm', ['view', spec, 'version', '--fetch-retries=0', '--loglevel=silent'], {
    ...{ env: environment, extendEnv: false, stdin: 'ignore', stderr: 'ignore' },
    ...{ cancelSignal, forceKillAfterDelay: 1000, maxBuffer: 10_000, reject: false },
  });
  return /^\d+\.\d+\.\d+(?:[-+][A-Za-z0-9.+-]+)?$/.exec(stdout)?.[0];
}
