import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Batch, type Envelope } from '../jsonrpc/message.ts';

/** Messages of one batch. */
const maxMessages = 100;

/** A message of a client, as its session takes it. */
export interface Incoming<Kind extends Envelope = Envelope> {
  readonly envelope: Kind;
  readonly bytes: Bytes;
}

/**
 * The messages of a batch; one that is wrong spoils all, so that nothing is done by halves.
 *
 * @throws {BridgeError} `MESSAGE_INVALID`
 * @see MCP 2025-03-26, Base Protocol, "Batching": `initialize` is never part of one
 */
export function readBatch({ elements }: Batch): Incoming[] {
  if (elements.length > maxMessages) throw invalid(`wanted at most ${maxMessages} messages in a batch`);
  return elements.map((bytes) => {
    const envelope = readMessage(bytes, clientLimits);
    if (isRefusal(envelope)) throw invalid(`a message of the batch: ${envelope.reason}`);
    if (envelope.kind === 'batch') throw invalid('got a batch in a batch');
    if (envelope.kind === 'request' && envelope.method === 'initialize') throw invalid('got "initialize" in a batch');
    return { envelope, bytes };
  });
}

function invalid(reason: string): BridgeError {
  return new BridgeError('MESSAGE_INVALID', `Invalid message: ${reason}`);
}
