import { z } from 'zod';

/** A tool, as its server describes it. */
export interface Tool {
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string;
  /** JSON Schema of its arguments, and of `structuredContent` in its result when the server has said so. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema: Readonly<Record<string, unknown>> | undefined;
  /** All that the server said of it. */
  readonly definition: Readonly<Record<string, unknown>>;
}

/** Who a server says that it is. */
export interface ServerFacts {
  readonly title: string | undefined;
  readonly version: string | undefined;
  readonly instructions: string | undefined;
}

const toolDefinition = z.looseObject({
  // What cannot stand in a path is left out.
  name: z
    .string()
    .max(1024)
    .regex(/^[^\p{Cc}\p{Cs}]+$/u),
  title: z.string().optional().catch(undefined),
  description: z.string().catch(''),
  inputSchema: z.record(z.string(), z.unknown()).catch({}),
  outputSchema: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

const text = z.string().optional().catch(undefined);
const serverFacts = z.object({
  serverInfo: z.object({ name: text, title: text, version: text }).catch({}),
  instructions: text,
});

/** The tools of a server at one time. */
export class ToolList {
  readonly facts: ServerFacts;
  /** In the server's order; of two with the same name the first. */
  readonly tools: readonly Tool[];
  readonly #byName: ReadonlyMap<string, Tool>;

  /**
   * @param elements what `tools/list` gave; what is no tool is left out
   * @param handshake the result of `initialize`
   */
  constructor(elements: readonly unknown[], handshake: Readonly<Record<string, unknown>>) {
    const byName = new Map<string, Tool>();
    for (const element of elements) {
      const tool = readTool(element);
      if (tool && !byName.has(tool.name)) byName.set(tool.name, tool);
    }
    this.#byName = byName;
    this.tools = [...byName.values()];
    const { serverInfo, instructions } = serverFacts.parse(handshake);
    this.facts = { title: serverInfo.title ?? serverInfo.name, version: serverInfo.version, instructions };
  }

  find(name: string): Tool | undefined {
    return this.#byName.get(name);
  }
}

function readTool(element: unknown): Tool | undefined {
  const read = toolDefinition.safeParse(element);
  if (!read.success || !canBeWritten(read.data)) return undefined;
  const { name, title, description, inputSchema, outputSchema } = read.data;
  return { name, title, description, inputSchema, outputSchema, definition: read.data };
}

/** What has a million levels, for one, can be read but not passed on. */
function canBeWritten(value: object): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
}
