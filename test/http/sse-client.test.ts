import { beforeEach, describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { BridgeError } from '../../src/base/errors.ts';
import { SseClient } from '../../src/http/sse-client.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { settle } from '../support/manual-clock.ts';

const message = (text: string): Bytes => Bytes.from(text);
let stream: FakeConnection;
let client: SseClient;

beforeEach(() => {
  stream = new FakeConnection();
  client = new SseClient('demo', stream);
});

describe('SseClient.connection()', () => {
  it('sends everything as events without ids', () => {
    const share = client.connection();
    share.event(message('a'), '1-1');
    client.connection().json(message('b'));
    expect([stream.calls, stream.events, stream.ids]).toEqual([
      ['event', 'event'],
      ['a', 'b'],
      ['', ''],
    ]);
  });

  it('opens nothing and primes nothing: the stream is open, and nobody resumes it', () => {
    const share = client.connection();
    share.openStream();
    share.prime('1-0', 1000);
    expect(stream.calls).toEqual([]);
  });

  it('ends for itself only', () => {
    const [a, b] = [client.connection(), client.connection()];
    a.end();
    expect([a.isOpen, b.isOpen, stream.isOpen]).toEqual([false, true, true]);
  });

  it('is over with its one document', () => {
    const share = client.connection();
    share.json(message('a'));
    expect([share.isOpen, stream.isOpen]).toEqual([false, true]);
  });

  it('ends the stream when it is the last', () => {
    client.connection('last').end();
    expect(stream.calls).toEqual(['end']);
  });

  it('refuses with an error message, for the POST was answered', () => {
    client.connection().refuse(new BridgeError('START_FAILED', 'no'), '1.0');
    expect(stream.events[0]).toMatch(/^\{"jsonrpc":"2\.0","id":1\.0,"error":.*"reason":"START_FAILED"/);
  });

  it('tells of its end a little later, once', async () => {
    const share = client.connection();
    let told = 0;
    share.onClose(() => (told += 1));
    share.end();
    share.end();
    const atOnce = told;
    await settle();
    expect([atOnce, told]).toEqual([0, 1]);
  });

  it('leaves nothing behind on the stream, however many there were', () => {
    for (let i = 0; i < 100; i++) {
      const share = client.connection();
      share.onClose(() => undefined);
      share.json(message('a'));
    }
    expect(stream.waiting).toBe(0);
  });

  it('is as slow as the stream, and drains with it', () => {
    const share = client.connection();
    stream.isSlow = true;
    let drained = 0;
    share.onDrain(() => (drained += 1));
    const isFast = share.event(message('a'), '');
    stream.drain();
    expect([isFast, drained]).toEqual([false, 1]);
  });

  it('is closed only when the stream is', () => {
    const share = client.connection();
    share.end();
    const before = share.isClosed;
    stream.vanish();
    expect([before, share.isClosed]).toEqual([false, true]);
  });

  it('cuts the whole stream off', () => {
    client.connection().destroy();
    expect(stream.calls).toEqual(['destroy']);
  });
});

describe('SseClient.vanish()', () => {
  it('ends every share, and aborts what waits', async () => {
    const shares = [client.connection(), client.connection()];
    const told: number[] = [];
    shares.forEach((share, i) => {
      share.onClose(() => told.push(i));
    });
    stream.vanish();
    client.vanish();
    await settle();
    expect([shares.map(({ isOpen }) => isOpen), told, client.signal.aborted]).toEqual([[false, false], [0, 1], true]);
  });

  it('does not end what has ended', async () => {
    const share = client.connection();
    let told = 0;
    share.onClose(() => (told += 1));
    share.end();
    client.vanish();
    await settle();
    expect(told).toBe(1);
  });
});

describe('SseClient.claim()', () => {
  it('is for one initialize', () => {
    client.claim();
    expect(() => {
      client.claim();
    }).toThrow(expect.objectContaining({ code: 'SESSION_EXISTS' }));
  });

  it('is free again after release()', () => {
    client.claim();
    client.release();
    expect(() => {
      client.claim();
    }).not.toThrow();
  });
});

describe('SseClient.session', () => {
  it('is refused before there is one', () => {
    expect(() => client.session).toThrow(expect.objectContaining({ code: 'SESSION_REQUIRED' }));
  });
});
