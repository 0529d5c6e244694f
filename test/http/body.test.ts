import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { readBody } from '../../src/http/body.ts';
import { clientLimits } from '../../src/jsonrpc/message.ts';
import { Scanner } from '../../src/jsonrpc/scan.ts';
import { settle } from '../support/manual-clock.ts';

const mebibyte = 1024 * 1024;

function begin(maxBytes = mebibyte, headers: Record<string, string> = {}) {
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, headers);
  const scanner = new Scanner(clientLimits);
  const read = readBody(request, maxBytes, scanner).then(
    (bytes) => bytes.length,
    (error: unknown) => error,
  );
  return { request, scanner, read };
}

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
