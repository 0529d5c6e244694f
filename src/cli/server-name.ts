import { reservedNames } from '../config/resolve-server.ts';

/** A name under which a server can be served, as near as possible to another text. */
export function serverName(text: string): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/_{2,}/g, '_')
    .replace(/^[._-]+/, '')
    .slice(0, 60)
    .replace(/[._-]+$/, '');
  if (clean === '') return 'server';
  return reservedNames.has(clean) ? `${clean}-server` : clean;
}

/** The name, or the first of `NAME-2`, `NAME-3`, … that nobody has. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  let number = 2;
  while (isTaken(`${name}-${number}`)) number += 1;
  return `${name}-${number}`;
}
