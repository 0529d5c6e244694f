import { z } from 'zod';
import type { PackageSource } from './config.ts';
import { defined } from './defined.ts';
import { text } from './fields.ts';

const version = '[0-9][A-Za-z0-9.!+_-]*';
const npmPackage = `(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*@\\d+\\.\\d+\\.\\d+([-+][A-Za-z0-9.+-]+)?`;
const pypiPackage = `[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?@${version}`;
const why = 'with an exact version such as 1.2.3: what runs must not change by itself';
const exactly = `npm:NAME@VERSION or pypi:NAME@VERSION, ${why}`;

const packageText = text(exactly).regex(new RegExp(`^(npm:${npmPackage}|pypi:${pypiPackage})$`), {
  error: `wanted ${exactly}`,
});

const packageMapping = z.strictObject({
  npm: text(`NAME@VERSION, ${why}`)
    .regex(new RegExp(`^${npmPackage}$`), { error: `wanted NAME@VERSION, ${why}` })
    .meta({
      description: 'A package of the npm registry, such as `@modelcontextprotocol/server-everything@2026.8.31`.',
    })
    .optional(),
  pypi: text(`NAME@VERSION, ${why}`)
    .regex(new RegExp(`^${pypiPackage}$`), { error: `wanted NAME@VERSION, ${why}` })
    .meta({ description: 'A package of the Python Package Index, such as `mcp-server-time@2025.9.25`.' })
    .optional(),
  bin: text('the name of a program of the package')
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: 'wanted the name of a program of the package' })
    .meta({
      description: 'Which of its programs is started. Needed when it has several and none has the name of the package.',
    })
    .optional(),
  base: text('an image reference')
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, { error: 'wanted an image reference' })
    .meta({
      description:
        'The image into which it is installed: `docker.io/library/node:22-bookworm-slim`, or `docker.io/library/python:3.13-slim-bookworm`, unless it is set. It needs `npm` and `node`, or `python3` with `venv`.',
    })
    .optional(),
  scripts: z
    .boolean({ error: 'wanted true or false' })
    .meta({
      description:
        'Whether it, and every package that it needs, may run programs of its own while it is installed. They run as root in the builder, with a network.',
      default: false,
    })
    .optional(),
});

/** A package and its version: a text, or a mapping for what is seldom needed. */
export const packageField = z
  .union([packageText, packageMapping], { error: `wanted ${exactly}; or a mapping with npm or pypi` })
  .meta({
    description:
      'A stdio server from a package registry, installed once for each version into a stock image and run like any other image. With `--allow-process` and without a container engine it is a plain process.',
    range: `a text such as "npm:NAME@VERSION", or a mapping, described below`,
  });

type PackageEntry = z.output<typeof packageField>;

const bases = {
  npm: 'docker.io/library/node:22-bookworm-slim',
  pypi: 'docker.io/library/python:3.13-slim-bookworm',
} as const;

/**
 * @param plainIn where it may run as a plain process
 * @param report is told what the schema cannot say
 */
export function resolvePackage(
  entry: PackageEntry,
  plainIn: string | undefined,
  report: (key: readonly string[], message: string) => void,
): PackageSource {
  const written = typeof entry === 'string' ? fromText(entry) : entry;
  const { npm, pypi, bin, base, scripts = false } = written;
  const given = Object.entries(defined({ npm, pypi })) as ['npm' | 'pypi', string][];
  const [[registry, spec] = ['npm', '@'] as const] = given;
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none of them' : 'npm and pypi';
    report(['package'], `got ${got}, wanted exactly one of npm, pypi`);
  }
  const at = spec.lastIndexOf('@');
  return {
    ...{ kind: 'package', registry, name: spec.slice(0, at), version: spec.slice(at + 1) },
    ...{ base: base ?? bases[registry], scripts },
    ...defined({ bin, plainIn }),
  };
}

function fromText(spec: string): Exclude<PackageEntry, string> {
  const [registry = '', rest = ''] = spec.split(/:(.*)/s);
  return registry === 'npm' ? { npm: rest } : { pypi: rest };
}
