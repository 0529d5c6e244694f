// The arithmetic of the figures: a ratio is taken within a round, and what is told of it is the median of all rounds.

/** @typedef {{ median: number, low: number, high: number, count: number }} Spread the middle, and the quartiles around it */

/** @param {readonly number[]} values @returns {number} NaN without any */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value that `share` (0 to 1) of all do not exceed. @param {ArrayLike<number>} sorted @param {number} share */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

/** @param {readonly number[]} values @returns {Spread | undefined} undefined without any */
export function spreadOf(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [0.25, 0.75].map((share) => quantile(sorted, share));
  return { median: median(sorted), low, high, count: sorted.length };
}

/**
 * The ratio of two series that were taken in turns: round by round, not mean by mean, since a busy moment of the machine
 * lasts longer than a slice. Rounds in which one of them is missing are left out.
 *
 * @param {readonly (number | undefined)[]} over @param {readonly (number | undefined)[]} under
 * @returns {Spread | undefined}
 */
export function ratioOf(over, under) {
  const ratios = over.map((value, round) => value / under[round]).filter((ratio) => Number.isFinite(ratio));
  return spreadOf(ratios);
}
