/** What a command prints: text for people on stdout, progress and complaints on stderr. */
export interface Output {
  readonly isTerminal: boolean;
  line(text?: string): void;
  /** As it is, on stdout. */
  write(text: string): void;
  complain(text: string): void;
  /** Always on stdout, for `--json`. */
  json(value: unknown): void;
}

// A pipe whose reader is gone, a disk that is full: nothing can be said there any more, and the work goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

export const terminal: Output = {
  isTerminal: process.stderr.isTTY,
  line: (text = '') => void process.stdout.write(`${text}\n`),
  write: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(`${text}\n`),
  json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
};

/** Rows as columns, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
