/** Which clients of a shared server watch which resources: the server is asked once for each, however many they are. */
export class Subscriptions<Client> {
  readonly #byUri = new Map<string, Set<Client>>();

  /** All that are watched. */
  uris(): string[] {
    return [...this.#byUri.keys()];
  }

  /** Who watches this one, or one that it is a part of. @see MCP 2025-11-25, `ResourceUpdatedNotificationParams` */
  watchers(uri: string): readonly Client[] {
    const found = new Set<Client>();
    for (const [watched, clients] of this.#byUri) {
      if (isPartOf(uri, watched)) for (const client of clients) found.add(client);
    }
    return [...found];
  }

  /** @returns whether it is the first that watches this one */
  add(client: Client, uri: string): boolean {
    const known = this.#byUri.get(uri);
    if (known) known.add(client);
    else this.#byUri.set(uri, new Set([client]));
    return !known;
  }

  /** Whether anybody else watches it. */
  isSharedBeyond(client: Client, uri: string): boolean {
    return [...(this.#byUri.get(uri) ?? [])].some((other) => other !== client);
  }

  /** @returns whether nobody watches it any more */
  remove(client: Client, uri: string): boolean {
    const watchers = this.#byUri.get(uri);
    if (watchers?.delete(client) !== true || watchers.size > 0) return false;
    return this.#byUri.delete(uri);
  }

  /** @returns those that nobody watches any more */
  forget(client: Client): string[] {
    if (this.#byUri.size === 0) return [];
    return this.uris().filter((uri) => this.remove(client, uri));
  }
}

function isPartOf(uri: string, whole: string): boolean {
  if (!uri.startsWith(whole)) return false;
  return uri === whole || whole.endsWith('/') || /^[/?#]/.test(uri.slice(whole.length));
}
