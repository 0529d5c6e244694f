import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { LineWriter } from '../../src/upstream/line-writer.ts';

/** A server's input that remembers what each write brought. */
function anInput({ isSlow = false } = {}): { readonly stdin: Writable; readonly writes: string[] } {
  const writes: string[] = [];
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString());
      if (!isSlow) done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join(''));
      if (!isSlow) done();
    },
  });
  return { stdin, writes };
}

function inTwoParts(text: string): Bytes {
  const whole = Buffer.from(text);
  return new Bytes([whole.subarray(0, 3), whole.subarray(3)], whole.length);
}

const large = 'x'.repeat(20_000);

describe('LineWriter.write()', () => {
  it('sends a message that comes alone at once, with its line end in the same write', () => {
    const { stdin, writes } = anInput();
    new LineWriter(stdin).write(Bytes.from('{"a":1}'));
    expect(writes).toEqual(['{"a":1}\n']);
  });

  it('sends what comes in one turn after it in one write, as long as the server has said nothing', async () => {
    const { stdin, writes } = anInput();
    const writer = new LineWriter(stdin);
    for (const text of ['1', '2', '3', '4']) writer.write(Bytes.from(text));
    await nextTurn();
    expect(writes).toEqual(['1\n', '2\n3\n4\n']);
  });

  it('sends the next message at once again when the server has said something', () => {
    const { stdin, writes } = anInput();
    const writer = new LineWriter(stdin);
    writer.write(Bytes.from('1'));
    writer.heard();
    writer.write(Bytes.from('2'));
    expect(writes).toEqual(['1\n', '2\n']);
  });

  it('sends nothing before what was gathered', async () => {
    const { stdin, writes } = anInput();
    const writer = new LineWriter(stdin);
    writer.write(Bytes.from('1'));
    writer.write(Bytes.from('2'));
    writer.heard();
    writer.write(Bytes.from('3'));
    await nextTurn();
    expect(writes).toEqual(['1\n', '2\n3\n']);
  });

  it('never gathers more than a pipe can take for long', () => {
    const { stdin, writes } = anInput();
    const writer = new LineWriter(stdin);
    for (let i = 0; i < 40; i++) writer.write(Bytes.from('y'.repeat(10_000)));
    expect(writes.length).toBeGreaterThan(1);
    expect(writer.pendingBytes).toBeLessThanOrEqual(256 * 1024);
  });

  it('keeps the order and every byte, whatever the sizes and turns', async () => {
    const step = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }).map((text) => JSON.stringify(text)),
      fc.constant(large),
      fc.constant('turn'),
      fc.constant('flush'),
      fc.constant('heard'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { stdin, writes } = anInput();
        const writer = new LineWriter(stdin);
        for (const what of steps) {
          if (what === 'turn') await nextTurn();
          else if (what === 'flush') writer.flush();
          else if (what === 'heard') writer.heard();
          else writer.write(inTwoParts(what));
        }
        await nextTurn();
        const sent = steps.filter((what) => !['turn', 'flush', 'heard'].includes(what));
        expect(writes.join('')).toBe(sent.map((text) => `${text}\n`).join(''));
      }),
    );
  });

  it('sends nothing to an input that has ended', async () => {
    const { stdin, writes } = anInput();
    const writer = new LineWriter(stdin);
    writer.write(Bytes.from('1'));
    writer.write(Bytes.from('2'));
    stdin.end();
    writer.write(Bytes.from('3'));
    await nextTurn();
    expect([writes, writer.pendingBytes]).toEqual([['1\n'], 0]);
  });
});

describe('LineWriter.flush()', () => {
  it('sends what was gathered before the input ends', async () => {
    const { stdin, writes } = anInput();
    const writer = new LineWriter(stdin);
    writer.write(Bytes.from('1'));
    writer.write(Bytes.from('2'));
    writer.flush();
    stdin.end();
    await nextTurn();
    expect(writes.join('')).toBe('1\n2\n');
  });
});

describe('LineWriter.pendingBytes', () => {
  it('counts what is gathered and what its reader has not taken', () => {
    const { stdin } = anInput({ isSlow: true });
    const writer = new LineWriter(stdin);
    writer.write(Bytes.from('123'));
    writer.write(Bytes.from('45'));
    writer.write(Bytes.from(large));
    expect(writer.pendingBytes).toBe('123\n45\n'.length + large.length + 1);
  });
});
