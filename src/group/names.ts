/** A name that was shown with its server's before it. */
export interface Shown {
  readonly server: string;
  /** As its server knows it. */
  readonly name: string;
}

/** `fetch` and `get_page` as `fetch__get_page`. */
export function shownName(server: string, name: string, separator: string): string {
  return `${server}${separator}${name}`;
}

/**
 * The other way round. A server's name may have the separator in it: the longest one that fits is meant.
 *
 * @returns undefined when it begins with the name of none of them
 */
export function readName(shown: string, servers: readonly string[], separator: string): Shown | undefined {
  const fitting = servers.filter((server) => shown.startsWith(`${server}${separator}`));
  const [server] = fitting.sort((a, b) => b.length - a.length);
  return server === undefined ? undefined : { server, name: shown.slice(server.length + separator.length) };
}
