// A table on the terminal.

/** @typedef {{ title: string, columns: string[], rows: string[][], notes?: string[] }} Table the first column is text, the others are figures */

/** @param {Table} table */
export function print({ title, columns, rows, notes = [] }) {
  const all = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((cells) => (cells[i] ?? '').length)));
  const lines = all.map((cells) =>
    cells.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))),
  );
  process.stdout.write(`\n${title}\n${lines.map((cells) => `  ${cells.join('  ')}\n`).join('')}`);
  for (const note of notes) process.stdout.write(`  ${note}\n`);
}
