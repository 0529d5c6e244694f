import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { onReceived, readBody, type Received } from '../../src/http/body.ts';
import { clientLimits, type Batch, type Request } from '../../src/jsonrpc/message.ts';
import { Scanner } from '../../src/jsonrpc/scan.ts';
import { settle } from '../support/manual-clock.ts';

const mebibyte = 1024 * 1024;

function begin(maxBytes = mebibyte, headers: Record<string, string> = {}) {
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, headers);
  const scanner = new Scanner(clientLimits);
  const read = new Promise<number | BridgeError>((resolve) => {
    readBody(request, maxBytes, scanner, (outcome) => {
      resolve(outcome instanceof BridgeError ? outcome : outcome.length);
    });
  });
  return { request, scanner, read };
}

describe('onReceived()', () => {
  const receive = (text: string): Promise<Received | BridgeError> =>
    new Promise((resolve) => {
      const request = new IncomingMessage(new Socket());
      onReceived(request, mebibyte, resolve);
      request.push(Buffer.from(text));
      request.push(null);
    });

  it('gives a message on one line, whatever stands between its values', async () => {
    const received = await receive('{"jsonrpc":"2.0",\r\n\t"id" : 1,\n"method":"m"}');
    expect(received).toMatchObject({ message: { kind: 'request', id: 1, method: 'm' } });
    expect(String((received as Received).bytes)).toBe('{"jsonrpc":"2.0",  \t"id" : 1, "method":"m"}');
  });

  it('gives the messages of a batch on one line too', async () => {
    const received = (await receive('[{"jsonrpc":"2.0",\n"method":"m"}\n]')) as Received;
    expect((received.message as Batch).elements.map(String)).toEqual(['{"jsonrpc":"2.0", "method":"m"}']);
  });

  it('reads one after another, and several at once', async () => {
    const texts = Array.from({ length: 100 }, (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"m${id}"}`);
    const read = async (text: string): Promise<string> => {
      const received = (await receive(text)) as Received;
      return `${(received.message as Request).idText} ${(received.message as Request).method} ${String(received.bytes)}`;
    };
    const wanted = texts.map((text, id) => `${id} m${id} ${text}`);
    expect(await Promise.all(texts.map(read))).toEqual(wanted);
    for (const [id, text] of texts.entries()) expect(await read(text)).toBe(wanted[id]);
  });
});

describe('readBody()', () => {
  it('shows a scanner what comes while it comes', async () => {
    const { request, scanner } = begin();
    request.push(Buffer.from('{"a":]'));
    await settle();
    expect(scanner.fault).toBe('malformed');
  });

  it('reads a small body to its end, whatever is wrong with it', async () => {
    const { request, read } = begin();
    request.push(Buffer.from('}'));
    await settle();
    request.push(Buffer.from('x'.repeat(1000)));
    request.push(null);
    expect(await read).toBe(1001);
  });

  it('does not read a large body on that is wrong', async () => {
    const { request, read } = begin();
    request.push(Buffer.from('}'));
    request.push(Buffer.from('x'.repeat(64 * 1024)));
    expect(await read).toBe(64 * 1024 + 1);
    expect(request.isPaused()).toBe(true);
  });

  it('takes a body of just the limit, and none that is longer', async () => {
    const [exact, longer] = [begin(10), begin(10)];
    exact.request.push(Buffer.from('1234567890'));
    exact.request.push(null);
    longer.request.push(Buffer.from('12345678901'));
    longer.request.push(null);
    expect(await exact.read).toBe(10);
    expect(await longer.read).toMatchObject({ code: 'BODY_TOO_LARGE', data: { maxBytes: 10 } });
  });

  it('refuses a declared length without reading', async () => {
    const { request, read } = begin(10, { 'content-length': '11' });
    expect(await read).toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(request.listenerCount('data')).toBe(0);
  });

  it('refuses an empty one, and one that is cut off', async () => {
    const [empty, cut] = [begin(), begin()];
    empty.request.push(null);
    cut.request.push(Buffer.from('{'));
    cut.request.destroy();
    expect([await empty.read, await cut.read]).toMatchObject([{ code: 'BODY_MALFORMED' }, { code: 'BODY_MALFORMED' }]);
  });
});
