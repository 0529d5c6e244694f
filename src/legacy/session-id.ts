import { createHmac, randomBytes } from 'node:crypto';

/**
 * Mints session ids: `SERVER~OWNER~START~RANDOM~MAC`, visible ASCII, 128 bits of chance, signed. Whoever
 * holds the key can tell which bridge an id belongs to without asking anybody, so that several can share the work; one
 * alone knows its ids, and checks no signature.
 *
 * @see MCP 2025-11-25, Transports, "Session Management": unguessable, visible ASCII only
 */
export class SessionIds {
  readonly #key: Buffer;
  readonly #owner: string;

  /**
   * @param owner names this bridge in each id
   * @param key signs them; of this process alone unless it is given
   */
  constructor(owner: string, key: Buffer = randomBytes(32)) {
    this.#owner = owner;
    this.#key = key;
  }

  /** @param startedAt seconds since the epoch */
  mint(server: string, startedAt: number): string {
    const body = [server, this.#owner, startedAt.toString(36), randomBytes(16).toString('base64url')].join('~');
    return `${body}~${this.#sign(body)}`;
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url');
  }
}
