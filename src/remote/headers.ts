import type { IncomingMessage } from 'node:http';

/** What a response says that its body is: in small letters, without parameters; empty when it says nothing. */
export function mediaType({ headers }: IncomingMessage): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** What can be sent back in a header as it came: printable ASCII, bounded. */
export function isEcho(value: string, maxChars: number): boolean {
  return value.length <= maxChars && /^[\x21-\x7e][\x20-\x7e]*$/.test(value);
}
