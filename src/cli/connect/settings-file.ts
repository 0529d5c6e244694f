import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { applyEdits, modify, parse, type FormattingOptions, type ParseError } from 'jsonc-parser';
import { BridgeError } from '../../base/errors.ts';

/**
 * The text of a client's settings with some entries in it; comments, order and spaces of the rest stay.
 *
 * @param text empty for a file that is not there yet
 * @throws {BridgeError} `CONFIG_INVALID` when it is no JSON (with comments)
 */
export function withEntries(
  text: string,
  file: string,
  root: string,
  entries: Readonly<Record<string, object>>,
): string {
  const errors: ParseError[] = [];
  const base = text.trim() === '' ? '{}\n' : text;
  parse(base, errors, { allowTrailingComma: true });
  if (errors.length > 0) throw new BridgeError('CONFIG_INVALID', `${file}: not valid JSON, so nothing is added to it`);
  const formattingOptions = formatOf(base);
  return Object.entries(entries).reduce(
    (before, [name, entry]) => applyEdits(before, modify(before, [root, name], entry, { formattingOptions })),
    base,
  );
}

function formatOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  return { insertSpaces: !indent.includes('\t'), tabSize: indent.length, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

/** The text of a file; empty when it is not there. */
export function textOrNothing(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/**
 * Makes sure that a file is in a folder, links followed.
 *
 * @throws {BridgeError} `CONFIG_INVALID` when it is not
 */
export function needInside(folder: string, file: string): void {
  const relative = path.relative(realpathSync(folder), realOf(path.resolve(folder, file)));
  if (relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative)) return;
  throw new BridgeError('CONFIG_INVALID', `Cannot write ${file}: it leads out of this folder`);
}

/** The real path, with the part that is not there yet as it is. */
function realOf(absolute: string): string {
  return existsSync(absolute)
    ? realpathSync(absolute)
    : path.join(realOf(path.dirname(absolute)), path.basename(absolute));
}
