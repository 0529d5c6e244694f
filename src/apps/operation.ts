import type { Json } from './json.ts';

/** What a client is told about a tool. @see MCP 2025-11-25, Tools */
export interface ToolDescription {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly inputSchema: Json;
  readonly outputSchema?: Json;
  readonly annotations: Json;
}

/** A request that an app understands, as a tool: plain data. */
export interface Operation {
  readonly tool: ToolDescription;
  readonly method: string;
  /** With parameters in braces, below the base address. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Body | undefined;
  /** Media types of its answers, as far as they are known. */
  readonly produces: readonly string[];
}

/** @see OpenAPI 3.1, "Style Values" */
export type Style = 'simple' | 'label' | 'matrix' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';

/** How a value is written. */
export interface Writing {
  readonly style: Style;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  /** Written as JSON instead. */
  readonly isJson: boolean;
}

export interface Parameter extends Writing {
  /** What the tool calls it, and what the app does. */
  readonly argument: string;
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
}

/** One member of a body. */
export interface BodyField {
  readonly argument: string;
  readonly name: string;
}

export interface Body {
  readonly kind: 'json' | 'form' | 'multipart' | 'text' | 'binary';
  /** May be a range, such as `image/*`, when `typeArgument` says which. */
  readonly mediaType: string;
  /** Whether it is sent even when nothing is given for it. */
  readonly isRequired: boolean;
  /** The argument that is all of it; or its members, each an argument. */
  readonly content: { readonly whole: string } | { readonly fields: readonly BodyField[] };
  /** How members are written, by their names; those that are not here in the plainest way. */
  readonly writing: Readonly<Record<string, FieldWriting>>;
  /** The argument that gives the media type. */
  readonly typeArgument: string | undefined;
}

export interface FieldWriting extends Writing {
  /** Base64, sent as a file. */
  readonly isFile: boolean;
  readonly mediaType: string | undefined;
}
