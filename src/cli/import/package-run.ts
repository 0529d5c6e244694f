import type { NewestVersions } from '../newest-versions.ts';
import { LeftOut } from './imported.ts';

/** A package that a command line fetches and starts. */
export interface PackageRun {
  readonly name: string;
  readonly args: readonly string[];
  /** What npm can be asked, `NAME` or `NAME@TAG`, for want of an exact version. */
  readonly question: string | undefined;
  /**
   * As an entry has it: `npm:NAME@VERSION`, or a mapping that says which of its programs.
   *
   * @throws {LeftOut} without an exact version: what runs must not change by itself
   */
  readonly asEntry: (newest: NewestVersions) => string | Readonly<Record<string, string>>;
}

interface Runner {
  readonly registry: 'npm' | 'pypi';
  /** Words between the program and its options. */
  readonly verbs: readonly string[];
  /** Options behind which the package stands, when its program has another name. */
  readonly packageOptions: readonly string[];
}

const npm: Runner = { registry: 'npm', verbs: [], packageOptions: ['-p', '--package'] };
const pypi: Runner = { registry: 'pypi', verbs: [], packageOptions: ['--from', '--spec'] };

/** Programs that fetch a package and start it. */
const runners: Readonly<Record<string, readonly Runner[]>> = {
  npx: [npm],
  bunx: [npm],
  npm: [
    { ...npm, verbs: ['exec'] },
    { ...npm, verbs: ['x'] },
  ],
  pnpm: [{ ...npm, verbs: ['dlx'] }],
  yarn: [{ ...npm, verbs: ['dlx'] }],
  uvx: [pypi],
  uv: [{ ...pypi, verbs: ['tool', 'run'] }],
  pipx: [{ ...pypi, verbs: ['run'] }],
};

/** Options that change nothing about which package is started. */
const harmless: ReadonlySet<string> = new Set([
  '-y',
  '--yes',
  '-q',
  '--quiet',
  '--prefer-offline',
  '--no-install',
  '--',
]);

/**
 * Reads `npx -y NAME@VERSION …`, `uvx --from NAME==VERSION PROGRAM …` and their like.
 *
 * @returns undefined for any other program, and for what comes from no registry
 */
export function readPackageRun(program: string, words: readonly string[]): PackageRun | undefined {
  const runner = runners[program]?.find(({ verbs }) => verbs.every((verb, i) => words[i] === verb));
  if (!runner) return undefined;
  const { spec, bin, args } = split(words.slice(runner.verbs.length), runner);
  const named = (runner.registry === 'npm' ? npmSpec : pypiSpec).exec(spec);
  const [, name, version] = named ?? [];
  if (name === undefined) return undefined;
  const question = runner.registry === 'npm' && isOpen(version) ? spec : undefined;
  return {
    ...{ name, question },
    args: args[0] === '--' ? args.slice(1) : args,
    asEntry: (newest) => asEntry(runner.registry, name, newest.get(question ?? '') ?? version, bin),
  };
}

/** None, or a tag such as `latest`: of a range, the newest version is not always what was meant. */
function isOpen(version: string | undefined): boolean {
  return version === undefined || /^[a-z][\w.-]*$/i.test(version);
}

function split(words: readonly string[], { packageOptions }: Runner): { spec: string; bin?: string; args: string[] } {
  const rest = words.slice(words.findIndex((word) => !harmless.has(word)));
  const [option = '', inline] = (rest[0] ?? '').split(/=(.*)/s);
  if (!packageOptions.includes(option)) return { spec: rest[0] ?? '', args: rest.slice(1) };
  const [spec = '', ...behind] = inline === undefined ? rest.slice(1) : [inline, ...rest.slice(1)];
  const [bin = '', ...args] = behind.slice(behind.findIndex((word) => !harmless.has(word)));
  return { spec, bin, args };
}

const npmSpec = /^((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@([\w.+^~-]+))?$/i;
const pypiSpec = /^([a-z0-9][a-z0-9._-]*)(?:\[[\w,-]+\])?(?:(?:==|@)([\w.+!-]+))?$/i;

const exactVersion = { npm: /^\d+\.\d+\.\d+([-+][A-Za-z0-9.+-]+)?$/, pypi: /^[0-9][A-Za-z0-9.!+_-]*$/ } as const;

function asEntry(
  registry: 'npm' | 'pypi',
  name: string,
  version: string | undefined,
  bin: string | undefined,
): string | Readonly<Record<string, string>> {
  if (version === undefined || !exactVersion[registry].test(version)) {
    const got = version === undefined ? 'no version' : `version "${version}"`;
    throw new LeftOut(`${name} has ${got}, wanted an exact one: gangway add ${registry}:${name}@1.2.3`);
  }
  const isMain = bin === undefined || bin === name.split('/').at(-1);
  return isMain ? `${registry}:${name}@${version}` : { [registry]: `${name}@${version}`, bin };
}
