import { spawnSync } from 'node:child_process';
import { describe, it } from '@jest/globals';

export type EngineName = 'podman' | 'docker';

/** Longest time of a test with containers, in milliseconds: an engine on a busy machine takes its time. */
export const containerTestMs = 120_000;

const required = new Set((process.env['GANGWAY_REQUIRE_ENGINES'] ?? '').split(/[\s,]+/));

/** `scripts/test.mjs` has one run for each, beside each other. */
const wanted = new Set((process.env['GANGWAY_TEST_ENGINES'] ?? 'podman docker').split(/[\s,]+/));

/** Whether this run is about an engine. */
export function isWanted(engine: EngineName): boolean {
  return wanted.has(engine);
}

/** Why an engine does not work here; undefined when it does. */
function whyMissing(engine: EngineName): string | undefined {
  const { status, error, stderr } = spawnSync(engine, ['info'], { encoding: 'utf8', timeout: 20_000 });
  if (error) return error.message;
  return status === 0 ? undefined : stderr.trim();
}

/**
 * A suite for each engine. One that does not work here is skipped, or fails when `GANGWAY_REQUIRE_ENGINES` names it
 * ("podman docker").
 *
 * @param engines those that have what the suite is about
 */
export function describeEachEngine(
  subject: string,
  suite: (engine: EngineName) => void,
  engines: readonly EngineName[] = ['podman', 'docker'],
): void {
  for (const engine of engines) {
    const title = `${subject} (${engine})`;
    if (!isWanted(engine)) {
      describe.skip(title, () => {
        suite(engine);
      });
      continue;
    }
    const why = whyMissing(engine);
    if (why === undefined) {
      describe(title, () => {
        suite(engine);
      });
    } else if (required.has(engine)) {
      describe(title, () => {
        it(`${engine} works here`, () => {
          throw missing(engine, why);
        });
      });
    } else {
      describe.skip(title, () => {
        suite(engine);
      });
    }
  }
}

/** A test for each engine, like the suites of `describeEachEngine`, but all at once: each has to mind its own. */
export function itOnAllEnginesAtOnce(title: string, test: (engine: EngineName) => Promise<void>): void {
  for (const engine of ['podman', 'docker'] as const) {
    const why = isWanted(engine) ? whyMissing(engine) : undefined;
    const canRun = why === undefined || required.has(engine);
    const each = isWanted(engine) && canRun ? it.concurrent : it.skip;
    each(`${title} (${engine})`, async () => {
      if (why !== undefined) throw missing(engine, why);
      await test(engine);
    });
  }
}

function missing(engine: EngineName, why: string): Error {
  return new Error(`${engine} does not work here and GANGWAY_REQUIRE_ENGINES names it: ${why}`);
}
