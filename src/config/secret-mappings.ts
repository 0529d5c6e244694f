/** Mappings of a server whose values may be secrets: they are filled in from outside, and never shown. */
export const secretMappings: ReadonlySet<string> = new Set(['env', 'headers', 'query']);
