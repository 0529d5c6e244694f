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

/** @throws {BridgeError} `MEDIA_TYPE_REFUSED` unless the body is plain JSON in UTF-8 */
export function checkContentType({ headers }: IncomingMessage): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  const isJson = type === 'application/json';
  const isUtf8 = charset === undefined || /^"?utf-?8"?$/.test(charset);
  const encoding = headers['content-encoding'];
  const isPlain = encoding === undefined || encoding.toLowerCase() === 'identity';
  if (isJson && isUtf8 && isPlain) return;
  throw new BridgeError(
    'MEDIA_TYPE_REFUSED',
    'Unsupported body: wanted Content-Type application/json in UTF-8, not compressed',
  );
}

/** @throws {BridgeError} `NOT_ACCEPTABLE` unless the client takes all of these media types */
export function checkAccept({ headers }: IncomingMessage, wanted: readonly string[]): void {
  const accepted = (headers.accept ?? '').split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) ? '' : type;
  });
  const takes = (type: string): boolean =>
    accepted.some((range) => range === type || range === '*/*' || range === `${type.split('/')[0] ?? ''}/*`);
  if (wanted.every(takes)) return;
  throw new BridgeError('NOT_ACCEPTABLE', `Not acceptable: the client must accept ${wanted.join(' and ')}`);
}
