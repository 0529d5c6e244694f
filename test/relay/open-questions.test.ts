import { expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits, type Request } from '../../src/jsonrpc/message.ts';
import { ClientQuestions } from '../../src/relay/client-questions.ts';
import { legacyWire } from '../../src/upstream/legacy-wire.ts';
import { SharedUpstream } from '../../src/upstream/shared-upstream.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { ManualClock } from '../support/manual-clock.ts';

function aShared(upstream: FakeUpstream): SharedUpstream {
  const wire = legacyWire({ maxCallTimeMs: 1000, clock: new ManualClock(), onBroadcast: () => undefined });
  return new SharedUpstream(upstream.asUpstream, { maxLineBytes: 1000, wire });
}

it('ClientQuestions has room again when the server has ended that asked them all', () => {
  const [first, second] = [new FakeUpstream(), new FakeUpstream()];
  const [gone, there] = [aShared(first), aShared(second)];
  const questions = new ClientQuestions();
  const bytes = Bytes.from('{"jsonrpc":"2.0","id":1,"method":"x/ask"}');
  const message = readMessage(bytes, serverLimits);
  if (isRefusal(message)) throw new TypeError(message.reason);
  const ask = (from: SharedUpstream): object | undefined => questions.translate(message as Request, bytes, from);

  for (let n = 0; n < 1000; n++) expect(ask(gone)).toBeDefined();
  expect(ask(there)).toBeUndefined();
  first.ends();
  expect(ask(there)).toBeDefined();
});
