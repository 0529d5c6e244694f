import { Bytes } from '../jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits, type Envelope } from '../jsonrpc/message.ts';
import { memberTexts, objectText, RawJson } from '../jsonrpc/raw-json.ts';

/** A message, as bytes and as what the relay sees of it. */
export interface Message {
  readonly bytes: Bytes;
  readonly envelope: Envelope;
}

/** The members of an object as they were written; none of what is no object. */
export function objectIn(text: string | undefined): ReadonlyMap<string, string> {
  return text?.startsWith('{') === true ? memberTexts(text) : new Map();
}

/** The members of `params` as they were written. */
export function paramsOf(bytes: Bytes): ReadonlyMap<string, string> {
  return objectIn(memberTexts(bytes.toString()).get('params'));
}

/** A text; undefined for anything else. */
export function textOf(json: string | undefined): string | undefined {
  return json?.startsWith('"') === true ? (JSON.parse(json) as string) : undefined;
}

/** The same message with another value for one member of its `params`; all else stays as it was written. */
export function withParam(bytes: Bytes, name: string, value: unknown): Message {
  const members = memberTexts(bytes.toString());
  const params = changed(objectIn(members.get('params')), name, value);
  return messageOf(changed(members, 'params', new RawJson(params)));
}

/** An object with another value for one member, which stays at its place. */
export function changed(members: ReadonlyMap<string, string>, name: string, value: unknown): string {
  return changedIn(members, { [name]: value });
}

/** The same for several members; what is undefined is left out. */
export function changedIn(members: ReadonlyMap<string, string>, changes: Readonly<Record<string, unknown>>): string {
  const raw = [...members].map(([member, text]) => [member, new RawJson(text)] as const);
  return objectText({ ...Object.fromEntries(raw), ...changes });
}

/** @param text of a message of Gangway's own, or of one that was read before */
export function messageOf(text: string): Message {
  const bytes = Bytes.from(text);
  const envelope = readMessage(bytes, serverLimits);
  if (isRefusal(envelope) || envelope.kind === 'batch') throw new TypeError('Not a message');
  return { bytes, envelope };
}
