import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isInstalled, requirements, runSuite, type Check, type Findings } from './suite.ts';
import type { Target } from './targets.ts';

/** One way to the server under test. */
export interface Way {
  readonly how: string;
  readonly start: () => Promise<Target>;
  /** Scenarios that cannot pass this way. */
  readonly cannot?: Readonly<Record<string, Excuse>>;
}

/** Why a scenario cannot pass. */
interface Excuse {
  readonly reason: string;
  /** All that it finds wrong; without these it may be anything, but not nothing. */
  readonly troubles?: readonly string[];
}

/** How many scenarios the suite has for a revision: what they are is its own list. */
interface Counts {
  readonly scored: number;
  readonly unscored: number;
}

const install = 'npm ci --prefix test/conformance';

/**
 * The tests of one revision: every scenario passes every way without a warning, scored or not.
 *
 * Without the suite there is one that is skipped, or that fails when `GANGWAY_REQUIRE_ENGINES` is set.
 */
export function describeRevision(revision: string, counts: Counts, ways: readonly Way[]): void {
  jest.setTimeout(90_000);
  if (isInstalled) {
    describeCounts(revision, counts);
    for (const way of ways) describeWay(revision, way);
  } else if ((process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') === '') {
    it.skip(`The conformance suite is not installed; "${install}" does that`, () => undefined);
  } else {
    it('The conformance suite is installed', () => {
      throw new Error(`GANGWAY_REQUIRE_ENGINES is set; wanted "${install}" before`);
    });
  }
}

function describeCounts(revision: string, counts: Counts): void {
  it(`The requirements of ${revision} are ${counts.scored} scenarios, and ${counts.unscored} that are not scored`, () => {
    const { scored, unscored } = requirements(revision);
    expect([scored.length, unscored.length]).toEqual([counts.scored, counts.unscored]);
    expect(new Set([...scored, ...unscored]).size).toBe(counts.scored + counts.unscored);
  });
}

function describeWay(revision: string, { how, start, cannot = {} }: Way): void {
  const { scored, unscored } = requirements(revision);
  const can = (scenario: string): boolean => !(scenario in cannot);

  describe(`A server for the conformance suite of ${revision}, ${how}`, () => {
    let findings: Findings = new Map();
    const found = (scenario: string): readonly Check[] => findings.get(scenario) ?? [];

    beforeAll(async () => {
      await using target = await start();
      findings = await runSuite(target.url, revision);
    });

    it.each(scored.filter(can))('passes %s', (scenario) => {
      expect(troubles(found(scenario))).toEqual([]);
      expect(found(scenario).filter(({ status }) => status === 'SUCCESS')).not.toEqual([]);
    });

    // The suite may skip one of these.
    it.each(unscored.filter(can))('has no trouble with %s, which is not scored', (scenario) => {
      expect(found(scenario)).not.toEqual([]);
      expect(troubles(found(scenario))).toEqual([]);
    });

    for (const [scenario, { reason, troubles: wanted }] of Object.entries(cannot)) {
      it(`cannot pass ${scenario}: ${reason}`, () => {
        expect(troubles(found(scenario))).toEqual(wanted ?? expect.arrayContaining([expect.any(String)]));
      });
    }

    it('is asked about nothing else', () => {
      expect([...findings.keys()].sort()).toEqual([...scored, ...unscored].sort());
    });
  });
}

function troubles(checks: readonly Check[]): string[] {
  return checks
    .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    .map(({ id, status, errorMessage = '' }) => `${status} ${id}: ${errorMessage}`);
}
