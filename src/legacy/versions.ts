/** The revision that knows batches. @see MCP 2025-03-26, Base Protocol, "Batching"; removed by 2025-06-18 */
export function hasBatches(version: string | undefined): boolean {
  return version === '2025-03-26';
}

/**
 * Whether a client understands an event with an id and nothing in it; older ones take it for a broken message.
 * Revisions are dates, so they sort as texts.
 *
 * @see MCP 2025-11-25, Transports, "Sending Messages to the Server"
 */
export function hasPriming(version: string | undefined): boolean {
  return version !== undefined && version >= '2025-11-25';
}
