import { memberTexts, objectText, RawJson } from '../jsonrpc/raw-json.ts';

/** The lists that a server can have. @see MCP 2025-11-25, "Server Features" */
export const lists = {
  tools: { method: 'tools/list', member: 'tools', key: 'name', capability: 'tools', changed: 'notifications/tools/list_changed' },
  prompts: { method: 'prompts/list', member: 'prompts', key: 'name', capability: 'prompts', changed: 'notifications/prompts/list_changed' },
  resources: { method: 'resources/list', member: 'resources', key: 'uri', capability: 'resources', changed: 'notifications/resources/list_changed' },
  templates: { method: 'resources/templates/list', member: 'resourceTemplates', key: 'uriTemplate', capability: 'resources', changed: 'notifications/resources/list_changed' },
} as const; // prettier-ignore

export type ListName = keyof typeof lists;
export const listNames = Object.keys(lists) as readonly ListName[];

/** One element of a list, with its members as they were written. */
export interface Offer {
  /** The name of a tool or prompt, the URI of a resource or template. */
  readonly key: string;
  readonly members: ReadonlyMap<string, string>;
}

/** @param text a valid JSON text. @returns undefined when it is nothing that could be asked for */
export function readOffer(list: ListName, text: string): Offer | undefined {
  if (!text.startsWith('{')) return undefined;
  const members = memberTexts(text);
  const key: unknown = JSON.parse(members.get(lists[list].key) ?? 'null');
  return typeof key === 'string' ? { key, members } : undefined;
}

/** An element with other values for some of its members; all others stay as they were written. */
export function offerText({ members }: Offer, changes: Readonly<Record<string, string>> = {}): string {
  const raw = [...members].map(([name, text]) => [name, new RawJson(text)] as const);
  return objectText({ ...Object.fromEntries(raw), ...changes });
}
