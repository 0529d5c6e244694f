/** The revisions that begin with `initialize`, newest first. They are dates, so they sort as texts. */
export const revisions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

/**
 * The revision that a client is told: its own when the server knows it too, else the server's.
 *
 * @see MCP 2025-11-25, Lifecycle, "Version Negotiation"
 */
export function agreedRevision(asked: string | undefined, ofServer: string): string {
  const isKnown = revisions.some((revision) => revision === asked);
  return asked !== undefined && isKnown && asked <= ofServer ? asked : ofServer;
}
