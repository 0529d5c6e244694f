/** From the most verbose. @see MCP 2025-11-25, Logging, "Log Levels" */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Of a client that never said, while a server says more than it would by itself. */
const unasked = levels.indexOf('info');

/** How much each client of a shared server wants to be logged: the server is told the most verbose of them. */
export class LogLevels<Client> {
  readonly #ranks = new Map<Client, number>();

  /** Whether a text is a level. */
  static has(level: string | undefined): level is string {
    return level !== undefined && (levels as readonly string[]).includes(level);
  }

  /** Whether a level is as grave as another one; one that is not known is. */
  static isAtLeast(level: string | undefined, least: string): boolean {
    const rank = rankOf(level);
    return rank === -1 || rank >= rankOf(least);
  }

  /** The most verbose level that anybody asked for; undefined when nobody did. */
  get lowest(): string | undefined {
    return levels[Math.min(...this.#ranks.values())];
  }

  set(client: Client, level: string): void {
    this.#ranks.set(client, rankOf(level));
  }

  /** @returns whether it had asked for any */
  forget(client: Client): boolean {
    return this.#ranks.delete(client);
  }

  /** Whether a client gets a message of this level; one without a level that is known goes to everybody. */
  admits(client: Client, level: string | undefined): boolean {
    const rank = rankOf(level);
    const wanted = this.#ranks.get(client) ?? (this.#ranks.size === 0 ? 0 : unasked);
    return rank === -1 || rank >= wanted;
  }
}

function rankOf(level: string | undefined): number {
  return levels.findIndex((known) => known === level);
}
