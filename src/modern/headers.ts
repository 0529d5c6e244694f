import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Request } from '../jsonrpc/message.ts';
import { revisions } from '../relay/revisions.ts';
import { paramsOf, textOf } from '../relay/rewrite.ts';
import { headerMismatch } from './header-mismatch.ts';
import { plainHeader, wrappedHeader, type RequestHeaders } from './header-value.ts';

/** The revisions without `initialize` that are served. */
const modernRevisions = ['2026-07-28'] as const;

/**
 * Checks what a request of revision 2026-07-28 says of itself, and that its headers repeat what its body says.
 * `Mcp-Param-*` is not among them, see `checkMirroredParams`.
 *
 * @param request one with a claim
 * @throws {BridgeError} `META_MISSING`, `HEADER_MISMATCH`, `REVISION_UNSUPPORTED`
 * @see MCP 2026-07-28, Streamable HTTP, "Server Validation"
 */
export function checkMirrors(request: Request, bytes: Bytes, headers: RequestHeaders): void {
  checkRevision(request, headers);
  if (request.claim?.abilities === undefined) throw metaMissing('clientCapabilities', 'an object');
  const method = plainHeader(headers, 'mcp-method');
  if ('fault' in method || method.text !== request.method) throw headerMismatch('Mcp-Method', method, request.method);
  checkName(request, bytes, headers);
}

/**
 * Checks that header and body agree on a revision, and that it is served. Nothing else can be judged before: another
 * revision may have other rules.
 *
 * @throws {BridgeError} `META_MISSING`, `HEADER_MISMATCH`, `REVISION_UNSUPPORTED`
 */
export function checkRevision({ claim }: Request, headers: RequestHeaders): void {
  const claimed = claim?.revision;
  if (claimed === undefined) throw metaMissing('protocolVersion', 'a text');
  const version = plainHeader(headers, versionHeader);
  if ('fault' in version || version.text !== claimed) throw headerMismatch('MCP-Protocol-Version', version, claimed);
  if ((modernRevisions as readonly string[]).includes(claimed)) return;
  const wanted = modernRevisions.join(', ');
  throw new BridgeError(
    'REVISION_UNSUPPORTED',
    `Unsupported protocol version: wanted ${wanted}`,
    {},
    {
      peerData: { supported: modernRevisions, requested: claimed },
    },
  );
}

/**
 * Refuses a message without a claim whose `MCP-Protocol-Version` header names a revision that wants one.
 *
 * @throws {BridgeError} `META_MISSING`
 */
export function refuseUnclaimed({ headers }: RequestHeaders): void {
  const version = headers[versionHeader];
  const isModern = typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) && version > revisions[0];
  if (isModern) throw metaMissing('protocolVersion', `"${version}" as the MCP-Protocol-Version header has it`);
}

const versionHeader = 'mcp-protocol-version';

function metaMissing(member: string, wanted: string): BridgeError {
  const name = `io.modelcontextprotocol/${member}`;
  return new BridgeError('META_MISSING', `Invalid params: wanted _meta["${name}"] to be ${wanted}`);
}

function checkName(request: Request, bytes: Bytes, headers: RequestHeaders): void {
  const source = sources.get(request.method);
  if (source === undefined) return;
  const wanted = source.read(request) ?? textOf(paramsOf(bytes).get(source.param));
  const got = wrappedHeader(headers, 'mcp-name');
  // A request without it is for the server to refuse.
  if (wanted === undefined && 'fault' in got && got.fault === 'missing') return;
  if ('fault' in got || got.text !== wanted) throw headerMismatch('Mcp-Name', got, wanted);
}

/** What `Mcp-Name` repeats. */
interface NameSource {
  readonly param: string;
  /** Undefined also for one that is very long. */
  readonly read: (request: Request) => string | undefined;
}

const name: NameSource = { param: 'name', read: ({ claim }) => claim?.name };
const uri: NameSource = { param: 'uri', read: (request) => request.uri };
const taskId: NameSource = { param: 'taskId', read: (request) => request.taskId };

/** By method. @see MCP 2026-07-28, Streamable HTTP, "Standard Request Headers", and the extension for tasks */
const sources: ReadonlyMap<string, NameSource> = new Map([
  ['tools/call', name],
  ['prompts/get', name],
  ['resources/read', uri],
  ['tasks/get', taskId],
  ['tasks/update', taskId],
  ['tasks/cancel', taskId],
]);
