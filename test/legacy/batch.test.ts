import { describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { readBatch } from '../../src/legacy/batch.ts';

const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

function read(...texts: string[]): string[] {
  const elements = texts.map((text) => Bytes.from(text));
  return readBatch({ kind: 'batch', elements }).map(({ envelope, bytes }) => `${envelope.kind} ${bytes.toString()}`);
}

const refuses = (reason: string): unknown =>
  expect.objectContaining({ code: 'MESSAGE_INVALID', message: `Invalid message: ${reason}` });

describe('readBatch()', () => {
  it('reads messages of every kind, in their order', () => {
    const note = '{"jsonrpc":"2.0","method":"n"}';
    const answer = '{"jsonrpc":"2.0","id":2,"result":{}}';
    expect(read(note, ping, answer)).toEqual([`notification ${note}`, `request ${ping}`, `response ${answer}`]);
  });

  it.each([
    ['no object', '1', 'a message of the batch: wanted an object'],
    ['no message', '{}', 'a message of the batch: wanted "jsonrpc": "2.0"'],
    ['a batch', `[${ping}]`, 'got a batch in a batch'],
    ['an empty batch', '[]', 'a message of the batch: got an empty array, wanted a message'],
    ['initialize', '{"jsonrpc":"2.0","id":1,"method":"initialize"}', 'got "initialize" in a batch'],
    [
      'an ambiguous one',
      '{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}',
      'a message of the batch: got a key twice, or one that differs only in case',
    ],
  ])('refuses all for one that is wrong: %s', (_what, text, reason) => {
    expect(() => read(ping, text)).toThrow(refuses(reason));
  });

  it('takes 100 messages, and not one more', () => {
    const messages = Array.from({ length: 100 }, () => ping);
    expect(read(...messages)).toHaveLength(100);
    expect(() => read(...messages, ping)).toThrow(refuses('wanted at most 100 messages in a batch'));
  });
});
