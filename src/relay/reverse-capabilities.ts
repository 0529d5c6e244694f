/** What one side of a connection can do, by name. */
export type Capabilities = Readonly<Record<string, unknown>>;

/** What a client of an older revision can do, as 2026-07-28 writes it. @see MCP 2026-07-28, `ClientCapabilities` */
export function modernCapabilities(client: Capabilities): Capabilities {
  const { elicitation, roots } = client;
  return withoutTasks({
    ...client,
    // Until 2025-11-25 there was nothing but forms.
    ...(isObject(elicitation) && Object.keys(elicitation).length === 0 ? { elicitation: { form: {} } } : {}),
    ...(isObject(roots) ? { roots: {} } : {}),
  });
}

/** What a server of 2026-07-28 can do that clients of older revisions can use. */
export function legacyCapabilities(server: Capabilities): Capabilities {
  return withoutTasks(server);
}

const taskExtension = 'io.modelcontextprotocol/tasks';

/** Tasks are not the same before and after. */
function withoutTasks({ tasks: _tasks, extensions, ...others }: Capabilities): Capabilities {
  if (!isObject(extensions)) return others;
  const left = Object.entries(extensions).filter(([name]) => name !== taskExtension);
  return left.length === 0 ? others : { ...others, extensions: Object.fromEntries(left) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
