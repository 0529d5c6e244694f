import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import { clientLimits } from '../jsonrpc/message.ts';
import { Scanner, type ScanFault } from '../jsonrpc/scan.ts';
import { readBody } from './body.ts';
import { hasBody } from './error-response.ts';
import { checkContentType } from './headers.ts';

/** A JSON text of a client, as it was written and as it reads. */
export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

const noBody: JsonBody = { text: '{}', value: {} };
/** Where arguments stand in a message: the scanner guards them in the same way here. */
const head = Buffer.from('{"params":{"arguments":');
const tail = Buffer.from('}}');

/**
 * Reads a body of any JSON, within the bounds that MCP messages have. No body at all stands for an object without members.
 *
 * @throws {BridgeError} `MEDIA_TYPE_REFUSED`, `BODY_TOO_LARGE`, `BODY_MALFORMED`, `MESSAGE_TOO_COMPLEX`
 */
export async function receiveJson(request: IncomingMessage, maxBytes: number): Promise<JsonBody> {
  if (!hasBody(request)) return noBody;
  checkContentType(request);
  const scanner = new Scanner(clientLimits);
  scanner.push(head);
  const text = await new Promise<string>((resolve, reject) => {
    readBody(request, maxBytes, scanner, (bytes) => {
      if (bytes instanceof BridgeError) reject(bytes);
      else resolve(bytes.toString());
    });
  });
  scanner.push(tail);
  const fault = scanner.end();
  if (fault !== undefined) throw refusalOf(fault);
  return { text, value: parse(text) };
}

function refusalOf(fault: ScanFault): BridgeError {
  if (fault !== 'too-deep' && fault !== 'too-many') return malformed();
  const { depth, keys, elements } = clientLimits;
  const wanted = `wanted at most ${depth} levels, ${keys} keys in an object, ${elements} elements in an array`;
  return new BridgeError('MESSAGE_TOO_COMPLEX', `Message too complex: ${wanted}`);
}

/** What only looks well between head and tail is found here. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed();
  }
}

function malformed(): BridgeError {
  return new BridgeError('BODY_MALFORMED', 'Malformed body: wanted one JSON text in UTF-8');
}
