/** A terminal that a command draws on again and again. */
export interface Screen {
  readonly isTerminal: boolean;
  /** In characters; Infinity when what is written goes to a file or a program. */
  readonly width: number;
  readonly height: number;
  write(text: string): void;
  /** Calls `run` whenever the size changes, and `gone` when nobody reads any more. */
  watch(run: () => void, gone: () => void): void;
}

export const stdoutScreen: Screen = {
  get isTerminal() {
    return process.stdout.isTTY;
  },
  get width() {
    return process.stdout.isTTY ? process.stdout.columns : Infinity;
  },
  get height() {
    return process.stdout.isTTY ? process.stdout.rows : Infinity;
  },
  write: (text) => void process.stdout.write(text),
  watch(run, gone) {
    process.stdout.on('resize', run);
    process.stdout.once('error', gone);
  },
};

/** To a page of its own, without a cursor and without breaking long lines; and back to what was there before. */
export const enterPage = '\u001b[?1049h\u001b[?25l\u001b[?7l';
export const leavePage = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/** A picture over the one before, in one piece: nothing is cleared before it is written over, so nothing flickers. */
export function frame(lines: readonly string[], height: number): string {
  const hidden = lines.length - height + 1;
  const shown = hidden > 1 ? [...lines.slice(0, height - 1), `… ${hidden} more`] : lines;
  return `\u001b[H${shown.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`;
}
