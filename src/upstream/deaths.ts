import type { Exit } from '../engine/engine.ts';

/** Servers that ended by themselves, and of those the ones for which it is known why. */
export interface DeathCounts {
  readonly total: number;
  readonly oomKilled: number;
  readonly engineLost: number;
  readonly launcherLost: number;
}

const none: DeathCounts = { total: 0, oomKilled: 0, engineLost: 0, launcherLost: 0 };

/** How often each server has ended without being told to. */
export class Deaths {
  readonly #counts = new Map<string, DeathCounts>();

  add(server: string, { isOomKilled, lost }: Exit): void {
    const { total, oomKilled, engineLost, launcherLost } = this.of(server);
    this.#counts.set(server, {
      total: total + 1,
      oomKilled: oomKilled + (isOomKilled ? 1 : 0),
      engineLost: engineLost + (lost === 'engine' ? 1 : 0),
      launcherLost: launcherLost + (lost === 'launcher' ? 1 : 0),
    });
  }

  of(server: string): DeathCounts {
    return this.#counts.get(server) ?? none;
  }
}
