/** The revision without sessions. @see MCP 2026-07-28, Versioning and Compatibility */
export const modernRevision = '2026-07-28';

/** Keys of `_meta` that the protocol keeps for itself. @see MCP 2026-07-28, Base Protocol, "_meta" */
export const metaKeys = {
  revision: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;
