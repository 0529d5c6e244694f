/**
 * What a stranger wrote, for a terminal or a log: without ANSI sequences, control characters but tab and line feed, and
 * the characters that break or turn a line. It moves nobody's cursor and makes no line of its own.
 */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is taken out
  return text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(unprintable, '');
}

// eslint-disable-next-line no-control-regex -- these are what is taken out
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
