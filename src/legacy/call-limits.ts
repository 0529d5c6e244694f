import type { ServerConfig } from '../config/config.ts';
import type { ExchangeLimits } from '../relay/exchange.ts';

/** A response becomes a stream after this long without a word: soon where that gives the client an id to resume by. */
const silentMs = 10_000;
const silentPrimedMs = 1000;

/** How long the answer to `initialize` may take. */
export function startLimits({ startTimeoutMs }: ServerConfig): ExchangeLimits {
  return { callTimeoutMs: startTimeoutMs, maxCallTimeMs: startTimeoutMs, silentMs };
}

/** How long any other answer may take. @param isPrimed whether streams begin with an id to resume by */
export function callLimits({ callTimeoutMs, maxCallTimeMs }: ServerConfig, isPrimed: boolean): ExchangeLimits {
  return { callTimeoutMs, maxCallTimeMs, silentMs: isPrimed ? silentPrimedMs : silentMs };
}
