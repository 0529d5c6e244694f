import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { temporaryFolder } from '../support/program.ts';

// The official conformance suite, unmodified. It has a package.json of its own, so that this project does not depend on
// what it depends on; `npm ci --prefix test/conformance` installs it.
const folder = fileURLToPath(new URL('./', import.meta.url));
const suite = path.join(folder, 'node_modules/@modelcontextprotocol/conformance');

export const isInstalled = existsSync(suite);

/** One finding of a scenario; any FAILURE fails it. */
export interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

/** What one run found, by scenario. */
export type Findings = ReadonlyMap<string, readonly Check[]>;

/** Which scenarios a revision asks of a server, as the suite's own list has them. */
export interface Requirements {
  readonly scored: readonly string[];
  readonly unscored: readonly string[];
}

export function requirements(revision: string): Requirements {
  const text = readFileSync(path.join(suite, `requirements/${revision}.yaml`), 'utf8');
  const { server, not_scored } = parse(text) as {
    readonly server: readonly string[];
    readonly not_scored: readonly { readonly scenario: string; readonly leg: string }[];
  };
  return {
    scored: server,
    unscored: not_scored.filter(({ leg }) => leg === 'server').map(({ scenario }) => scenario),
  };
}

/** Runs every scenario of a revision on its wire, one after the other. */
export async function runSuite(url: string, revision: string): Promise<Findings> {
  using output = temporaryFolder();
  const shim = ['--import', path.join(folder, 'node20.mjs')];
  const args = ['server', '--url', url, '--requirements', revision, '--output-dir', output.path];
  const said = await new Promise<string>((resolve) => {
    // Its exit code only says whether each scenario passed.
    execFile(
      process.execPath,
      [...shim, path.join(suite, 'dist/index.js'), ...args],
      { timeout: 80_000, maxBuffer: 16 * 1024 ** 2 },
      (_, stdout, stderr) => {
        resolve(stdout + stderr);
      },
    );
  });
  // A folder is called "server-", the scenario, and when it began.
  const findings = readdirSync(output.path).map((name): [string, Check[]] => {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[1] ?? name;
    const file = path.join(output.path, name, 'checks.json');
    return [scenario, existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Check[]) : []];
  });
  if (findings.length === 0) throw new Error(`the suite found nothing: ${said}`);
  return new Map(findings);
}
