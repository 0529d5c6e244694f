import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import { revisions } from '../relay/revisions.ts';

const supported: ReadonlySet<string> = new Set(revisions);

/** @throws {BridgeError} `VERSION_UNSUPPORTED`; a missing header is fine, the session has negotiated */
export function checkVersion({ headers }: IncomingMessage): void {
  const version = headers['mcp-protocol-version'];
  if (version === undefined || (typeof version === 'string' && supported.has(version))) return;
  const wanted = revisions.join(', ');
  throw new BridgeError('VERSION_UNSUPPORTED', `Unsupported MCP-Protocol-Version: wanted one of ${wanted}`, {
    supported: revisions,
  });
}

/** Whether a request says in its header that it is of a revision without sessions. */
export function hasModernHeader({ headers }: IncomingMessage): boolean {
  const version = headers['mcp-protocol-version'];
  return typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) && version > revisions[0];
}

/** The session that a request belongs to, as the client says. */
export function sessionIdOf({ headers }: IncomingMessage): string | undefined {
  const id = headers['mcp-session-id'];
  return typeof id === 'string' ? id : undefined;
}

/** The event that a client saw last, when it comes back to a stream; an empty one names none. */
export function lastEventIdOf({ headers }: IncomingMessage): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** A check of a header's value. Clients send the same values again and again: one that has passed is not read again. */
class ValueCheck {
  readonly #check: (value: string) => boolean;
  readonly #passed = new Set<string>();

  constructor(check: (value: string) => boolean) {
    this.#check = check;
  }

  passes(value = ''): boolean {
    if (this.#passed.has(value)) return true;
    const isGood = this.#check(value);
    // A client that makes up new ones fills no memory.
    if (isGood && value.length <= 256 && this.#passed.size < 100) this.#passed.add(value);
    return isGood;
  }
}

const jsonInUtf8 = new ValueCheck((value) => {
  const [type, ...parameters] = value.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  return type === 'application/json' && (charset === undefined || /^"?utf-?8"?$/.test(charset));
});

/** @throws {BridgeError} `MEDIA_TYPE_REFUSED` unless the body is plain JSON in UTF-8 */
export function checkContentType({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'];
  const isPlain = encoding === undefined || encoding.toLowerCase() === 'identity';
  if (isPlain && jsonInUtf8.passes(headers['content-type'])) return;
  throw new BridgeError(
    'MEDIA_TYPE_REFUSED',
    'Unsupported body: wanted Content-Type application/json in UTF-8, not compressed',
  );
}

/** Media types that an answer may have. */
interface MediaTypes {
  readonly types: readonly string[];
  readonly accept: ValueCheck;
}

export const jsonOrStream = mediaTypes('application/json', 'text/event-stream');
export const streamOnly = mediaTypes('text/event-stream');
export const jsonOnly = mediaTypes('application/json');

function mediaTypes(...types: readonly string[]): MediaTypes {
  return { types, accept: new ValueCheck((value) => acceptsAll(value, types)) };
}

/** @throws {BridgeError} `NOT_ACCEPTABLE` unless the client takes all of these media types */
export function checkAccept({ headers }: IncomingMessage, { types, accept }: MediaTypes): void {
  if (accept.passes(headers.accept)) return;
  throw new BridgeError('NOT_ACCEPTABLE', `Not acceptable: the client must accept ${types.join(' and ')}`);
}

function acceptsAll(accept: string, types: readonly string[]): boolean {
  const accepted = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) ? '' : type;
  });
  return types.every((type) =>
    accepted.some((range) => range === type || range === '*/*' || range === `${type.split('/')[0] ?? ''}/*`),
  );
}
