import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { fixture, serve, temporaryFolder } from '../support/program.ts';

// The official conformance suite, unmodified, on the 2025-11-25 wire. It has a package.json of its own, so that this
// project does not depend on what it depends on; `npm ci --prefix test/conformance` installs it.
jest.setTimeout(90_000);

const revision = '2025-11-25';
const folder = fileURLToPath(new URL('./', import.meta.url));
const suite = path.join(folder, 'node_modules/@modelcontextprotocol/conformance');
const isRequired = (process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') !== '';

/** One finding of a scenario; any FAILURE fails it. */
interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

/** What one run found, by scenario. */
type Findings = ReadonlyMap<string, readonly Check[]>;

/** A server under test; disposing ends it. */
interface Target extends AsyncDisposable {
  readonly url: string;
}

const install = 'npm ci --prefix test/conformance';
if (existsSync(suite)) {
  const { scored, unscored } = requirements();

  it(`The requirements of ${revision} are 30 scenarios, and 3 that are not scored`, () => {
    expect([scored.length, unscored.length]).toEqual([30, 3]);
    expect(new Set([...scored, ...unscored]).size).toBe(33);
  });

  describe.each([
    ['by itself', startDirect],
    ['through Gangway', startBridge],
    ['through Gangway, shared', startShared],
    ['through Gangway, as a remote server', startRemote],
  ])(`A server for the conformance suite of ${revision}, %s`, (how, start) => {
    let findings: Findings = new Map();

    beforeAll(async () => {
      await using target = await start();
      findings = await runSuite(target.url);
    });

    afterAll(() => {
      report(how, findings, unscored);
    });

    it.each(scored)('passes %s', (scenario) => {
      const checks = findings.get(scenario) ?? [];
      expect(failuresOf(checks)).toEqual([]);
      expect(checks.filter(({ status }) => status === 'SUCCESS')).not.toEqual([]);
    });

    it.each(unscored)('is asked about %s, which is not scored', (scenario) => {
      expect(findings.get(scenario) ?? []).not.toEqual([]);
    });

    it('is asked about nothing else', () => {
      expect([...findings.keys()].sort()).toEqual([...scored, ...unscored].sort());
    });
  });
} else if (isRequired) {
  it('The conformance suite is installed', () => {
    throw new Error(`GANGWAY_REQUIRE_ENGINES is set; wanted "${install}" before`);
  });
} else {
  it.skip(`The conformance suite is not installed; "${install}" does that`, () => undefined);
}

/** Which scenarios the revision asks of a server, as the suite's own list has them. */
function requirements(): { readonly scored: readonly string[]; readonly unscored: readonly string[] } {
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

/** The server on HTTP by the MCP SDK, without Gangway: shows that what fails is not the server's fault. */
async function startDirect(): Promise<Target> {
  const child = spawn(process.execPath, [path.join(folder, 'direct.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('close', () => {
      reject(new Error('the server ended before it said where it listens'));
    });
  });
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** Each session has a server of its own. */
function startBridge(): Promise<Target> {
  // A scenario that fails leaves its session behind; that must not fail those after it.
  return startGangway({ pool: { warm: 2, max: 100 } });
}

/** All sessions have one server together. */
function startShared(): Promise<Target> {
  return startGangway({ sharing: 'shared', pool: { max: 1 } });
}

/** Each session is a session of the server on HTTP. */
async function startRemote(): Promise<Target> {
  const direct = await startDirect();
  const bridge = await serveConformance({ url: direct.url });
  return {
    url: bridge.url,
    [Symbol.asyncDispose]: async () => {
      await bridge[Symbol.asyncDispose]();
      await direct[Symbol.asyncDispose]();
    },
  };
}

function startGangway(how: object): Promise<Target> {
  return serveConformance({ command: fixture('conformance'), ...how });
}

async function serveConformance(server: object): Promise<Target> {
  const program = await serve({ servers: { conformance: server } }, { args: ['--allow-process'] });
  return {
    url: `${program.url}/conformance/mcp`,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** Runs every scenario of the revision, one after the other. */
async function runSuite(url: string): Promise<Findings> {
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

function failuresOf(checks: readonly Check[]): string[] {
  return checks.filter(({ status }) => status === 'FAILURE').map(describeCheck);
}

function describeCheck({ id, status, errorMessage = '' }: Check): string {
  return `${status} ${id}: ${errorMessage}`;
}

/** Prints what fails no test: every warning, and failures that are not scored. */
function report(how: string, findings: Findings, unscored: readonly string[]): void {
  for (const [scenario, checks] of findings) {
    const isScored = !unscored.includes(scenario);
    for (const check of checks) {
      if (check.status === 'WARNING' || (check.status === 'FAILURE' && !isScored)) {
        process.stderr.write(`${scenario}${isScored ? '' : ' (not scored)'}, ${how}: ${describeCheck(check)}\n`);
      }
    }
  }
}
