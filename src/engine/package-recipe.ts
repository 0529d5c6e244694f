import { createHash } from 'node:crypto';
import type { PackageSource } from '../config/config.ts';
import { chooseNpmProgram, choosePythonProgram } from './package-programs.ts';

/** How a package becomes something that can be started: plain data, made from the configuration alone. */
export interface PackageRecipe {
  /** "npm:NAME@VERSION". */
  readonly title: string;
  /** Of the image: changes with the package, its version, the base image and this very recipe. */
  readonly tag: string;
  /** What has to be in the folder in which it is installed, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** The same for an image: how it is made from that folder. */
  readonly containerfile: string;
  /** The programs that install it into that folder, one after the other; what it starts with is then `entry` in there. */
  readonly commands: readonly (readonly [string, ...string[]])[];
}

/** Where it is in an image. */
const home = '/opt/package';

/**
 * Packages come without their install scripts unless `scripts` allows them: those are programs of whoever has written any of
 * the packages that it needs, and a builder gives them root and a network.
 */
export function packageRecipe(source: PackageSource): PackageRecipe {
  const { registry, name, version } = source;
  const parts = registry === 'npm' ? npmParts(source) : pypiParts(source);
  const title = `${registry}:${name}@${version}`;
  const containerfile = containerfileOf(source.base, parts.commands);
  const key = JSON.stringify([containerfile, parts.files]);
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const tag = `localhost/gangway/${registry}-${readable}:${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
  return { title, tag, containerfile, ...parts };
}

type Parts = Pick<PackageRecipe, 'files' | 'commands'>;

function npmParts({ name, version, bin, scripts }: PackageSource): Parts {
  const quiet = ['--omit=dev', '--no-audit', '--no-fund', '--no-package-lock', '--no-update-notifier'];
  return {
    files: {
      // In a file and not in a command line: nothing of it is ever read by a shell.
      'package.json': JSON.stringify({ private: true, dependencies: { [name]: version } }),
      'wanted.json': JSON.stringify({ name, bin }),
      'choose.mjs': chooseNpmProgram,
    },
    commands: [
      // It would wait five minutes for a connection that was lost.
      ['npm', 'install', ...quiet, '--fetch-timeout=30000', ...(scripts ? [] : ['--ignore-scripts'])],
      ['node', 'choose.mjs'],
    ],
  };
}

function pypiParts({ name, version, bin, scripts }: PackageSource): Parts {
  const quiet = ['--no-input', '--disable-pip-version-check', '--timeout', '30'];
  return {
    files: {
      'requirements.txt': `${name}==${version}\n`,
      'wanted.json': JSON.stringify({ name, bin }),
      'choose.py': choosePythonProgram,
    },
    commands: [
      ['python3', '-m', 'venv', 'venv'],
      [
        ...(['venv/bin/python', '-m', 'pip', 'install', ...quiet] as const),
        // A wheel is unpacked; anything else runs what its author has written.
        ...(scripts ? [] : ['--only-binary', ':all:']),
        ...['--requirement', 'requirements.txt'],
      ],
      ['venv/bin/python', 'choose.py'],
    ],
  };
}

function containerfileOf(base: string, commands: Parts['commands']): string {
  const install = commands.map((command) => command.join(' ')).join(' && ');
  return [
    `FROM ${base}`,
    'USER 0:0',
    `WORKDIR ${home}`,
    'COPY . .',
    // Caches go with the layer in which they were made.
    `RUN export HOME=/tmp/home && ${install} && rm -rf /tmp/home`,
    'RUN mkdir -p /home/package && chown 1000:1000 /home/package',
    'ENV HOME=/home/package NODE_ENV=production PYTHONUNBUFFERED=1',
    'WORKDIR /home/package',
    // By number: so that anybody can see that it is not root.
    'USER 1000:1000',
    `ENTRYPOINT ["${home}/entry"]`,
    '',
  ].join('\n');
}

/** Why a package could not be installed, in words that may be shown to anybody. @param lines that the installer or builder wrote */
export function whyNotInstalled(lines: readonly string[], { scripts, registry }: PackageSource): string {
  const text = lines.join('\n');
  const programs = /gangway-package: (has .*)$/m.exec(text)?.[1];
  if (programs !== undefined) return `it ${programs.slice(0, 300)}`;
  if (/no space left|ENOSPC/i.test(text)) return 'there is no space left';
  if (unreachable.test(text)) return 'the registry cannot be reached';
  if (noBase.test(text)) return 'its base image cannot be had';
  if (/\bE40[13]\b|401 Unauthorized|403 Forbidden/.test(text)) return 'the registry wants a login';
  if (unknown.test(text)) {
    const orOnly = registry === 'pypi' && !scripts ? ', or only such as would run its own install script' : '';
    return `the registry does not have this version of it${orOnly}`;
  }
  return 'its installation failed, the log has its output';
}

const unreachable =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b|Failed to establish a new connection|NewConnectionError|ConnectTimeoutError|name resolution/;
const noBase =
  /manifest unknown|pull access denied|error creating build container|creating build container|unable to copy from source|initializing source/i;
const unknown = /\bE404\b|\bETARGET\b|404 Not Found|No matching distribution found|Could not find a version/;
