// Figures as people read them.

/** @param {number | undefined} value @param {string} unit @returns {string} three digits that count */
export function figure(value, unit = '') {
  if (value === undefined || !Number.isFinite(value)) return '-';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${unit && ` ${unit}`}`;
}

/** "1.12× (1.05 to 1.20)": median and quartiles. @param {import('./statistics.mjs').Spread | undefined} spread */
export function times(spread) {
  if (!spread) return '-';
  const { median, low, high } = spread;
  return `${figure(median)}× (${figure(low)} to ${figure(high)})`;
}

/** @param {number | undefined} bytes */
export function megabytes(bytes) {
  return bytes === undefined ? '-' : `${(bytes / 1e6).toFixed(0)} MB`;
}
