const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const sizeUnits = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;

/** "250ms", "30s", "10m", "8h" → milliseconds; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits]);
}

/** "512k", "256m", "1g" (binary multiples, as Podman and Docker read them) → bytes; undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:([kmg])b?|b)$/i.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * sizeUnits[(match[2] ?? 'b').toLowerCase() as keyof typeof sizeUnits]);
}

/** Milliseconds in the largest unit that keeps the number whole: 90000 → "90s", 600000 → "10m". */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms >= durationUnits[unit] && ms % durationUnits[unit] === 0) return `${ms / durationUnits[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/** Bytes in the largest unit that keeps the number whole: 536870912 → "512m". */
export function formatSize(bytes: number): string {
  for (const unit of ['g', 'm', 'k'] as const) {
    if (bytes >= sizeUnits[unit] && bytes % sizeUnits[unit] === 0) return `${bytes / sizeUnits[unit]}${unit}`;
  }
  return `${bytes}b`;
}
