import { createHash } from 'node:crypto';
import type { ToolsConfig } from '../config/config.ts';
import { memberTexts } from '../jsonrpc/raw-json.ts';
import { canonical } from './canonical.ts';
import { changed, textOf } from './rewrite.ts';

/** What a view makes of one tool. */
export type Seen =
  | { readonly kind: 'shown'; readonly text: string }
  | { readonly kind: 'hidden' }
  /** Its definition is not the one that was pinned. */
  | { readonly kind: 'changed'; readonly name: string; readonly digest: string; readonly text: string };

/** Which of a server's tools clients see, and under which names and descriptions. */
export class ToolView {
  readonly #config: ToolsConfig;
  /** The server's name of a tool by the one that clients see. */
  readonly #originals: ReadonlyMap<string, string>;

  constructor(config: ToolsConfig) {
    this.#config = config;
    this.#originals = new Map([...config.rename].map(([original, shown]) => [shown, original]));
  }

  get hasPins(): boolean {
    return this.#config.pin.size > 0;
  }

  /** What the server calls a tool; undefined for one that clients do not see. @param shown as a client calls it */
  originalOf(shown: string): string | undefined {
    const original = this.#originals.get(shown) ?? shown;
    // Under its old name it is not there any more.
    const isHidden = original === shown && this.#config.rename.has(shown);
    return isHidden || !this.#admits(original) ? undefined : original;
  }

  /** One element of the server's list, as clients see it. @param text as the server wrote it */
  see(text: string): Seen {
    const members = text.startsWith('{') ? memberTexts(text) : new Map<string, string>();
    const name = textOf(members.get('name'));
    // Also one whose own name is what another is called now: it could not be called.
    if (name === undefined || this.originalOf(this.#config.rename.get(name) ?? name) !== name)
      return { kind: 'hidden' };
    const shown = this.#shownText(name, members, text);
    const digest = pinOf(JSON.parse(text) as Record<string, unknown>);
    const pinned = this.#config.pin.get(name);
    return !this.hasPins || pinned === digest
      ? { kind: 'shown', text: shown }
      : { kind: 'changed', name, digest, text: shown };
  }

  #admits(name: string): boolean {
    const { allow, deny } = this.#config;
    const isAllowed = allow === undefined || allow.some((pattern) => fits(pattern, name));
    return isAllowed && !deny.some((pattern) => fits(pattern, name));
  }

  #shownText(name: string, members: ReadonlyMap<string, string>, text: string): string {
    const { rename, describe } = this.#config;
    const renamed = rename.has(name) ? changed(members, 'name', rename.get(name)) : text;
    return describe.has(name) ? changed(memberTexts(renamed), 'description', describe.get(name)) : renamed;
  }
}

/** What is pinned: all that a model is told of a tool, whatever the order in which it is written. */
export function pinOf(tool: Readonly<Record<string, unknown>>): string {
  return `sha256-${createHash('sha256').update(canonical(tool)).digest('base64url')}`;
}

/** `*` stands for any characters. In time that grows with the two lengths only: no backtracking. */
function fits(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
