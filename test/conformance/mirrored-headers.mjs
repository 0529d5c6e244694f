// The headers in which a client of 2026-07-28 repeats parts of its request.

const nameOf = {
  'tools/call': ({ name }) => name,
  'prompts/get': ({ name }) => name,
  'resources/read': ({ uri }) => uri,
  'tasks/get': ({ taskId }) => taskId,
  'tasks/update': ({ taskId }) => taskId,
  'tasks/cancel': ({ taskId }) => taskId,
};

/**
 * What is wrong with the headers of a request; undefined when nothing is.
 *
 * @param tools name → tool, whose `inputSchema` says which arguments are repeated
 */
export function mismatchOf(headers, { method, params = {} }, tools) {
  const version = headers['mcp-protocol-version'];
  const claimed = params._meta?.['io.modelcontextprotocol/protocolVersion'];
  if (version === undefined) return 'MCP-Protocol-Version is missing';
  if (claimed !== undefined && claimed !== version) return 'MCP-Protocol-Version is not that of the body';
  if (headers['mcp-method'] !== method) return 'Mcp-Method is not that of the body';
  const name = nameOf[method]?.(params);
  if (name !== undefined && decode(headers['mcp-name']) !== name) return 'Mcp-Name is not that of the body';
  const schema = method === 'tools/call' ? tools[name]?.inputSchema : undefined;
  const wrong = mirrored(schema, params.arguments).find(
    ({ header, value }) => decode(headers[`mcp-param-${header.toLowerCase()}`]) !== value,
  );
  return wrong && `Mcp-Param-${wrong.header} is not that of the body`;
}

/** Each argument that has a header: its name, and the value as a text; undefined for an argument that is not there. */
function mirrored({ properties = {} } = {}, given = {}) {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const value = given?.[name] ?? undefined;
    const header = schema['x-mcp-header'];
    if (header === undefined) return mirrored(schema, value);
    return [{ header, value: value === undefined ? undefined : String(value) }];
  });
}

/** The value that a header stands for; null when it is encoded and wrong. */
function decode(header) {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(header ?? '')?.[1];
  if (encoded === undefined) return header;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? bytes.toString() : null;
}
