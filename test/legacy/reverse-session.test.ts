import { describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, readMessage, type Request, type Response } from '../../src/jsonrpc/message.ts';
import { Session } from '../../src/legacy/session.ts';
import { ChannelClient } from '../../src/relay/channel-client.ts';
import { reverseLease } from '../../src/relay/reverse-channel.ts';
import type { ChannelLease } from '../../src/relay/channel.ts';
import { FakeChannel } from '../support/fake-channel.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { serverConfig } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';

function leaseOf(server: FakeChannel): ChannelLease {
  const capabilities = { tools: { listChanged: true } };
  return reverseLease(server, {
    name: 'files',
    discover: () => Promise.resolve({ capabilities, instructions: undefined, serverInfo: undefined }),
  });
}

function read<Wanted extends Request | Response>(kind: Wanted['kind'], message: object): [Wanted, Bytes] {
  const bytes = Bytes.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
  const envelope = readMessage(bytes, clientLimits);
  if (envelope.kind !== kind) throw new TypeError(`wanted a ${kind}`);
  return [envelope as Wanted, bytes];
}

const capabilities = { elicitation: {} };

/** An open session of a client that can be asked. */
async function opened(): Promise<{
  readonly server: FakeChannel;
  readonly session: Session;
  readonly clock: ManualClock;
}> {
  const server = new FakeChannel();
  const clock = new ManualClock();
  const session = new Session(leaseOf(server), {
    ...{ id: 'id', server: serverConfig(), clock, log: quietLog().log },
    isDraining: () => false,
    onClosed: () => undefined,
  });
  const params = { protocolVersion: '2025-06-18', capabilities, clientInfo: { name: 'old', version: '1' } };
  const [request, bytes] = read<Request>('request', { id: 0, method: 'initialize', params });
  session.begin(request, bytes, session.replyOn(new FakeConnection()));
  await settle();
  return { server, session, clock };
}

describe('Session on a server that speaks only 2026-07-28', () => {
  it('opens in the revision of its client', async () => {
    const { server, session } = await opened();
    expect([session.state, server.wasProved, server.lines]).toEqual(['open', true, []]);
  });

  it('asks its client on the stream of the call, waits for it, and answers there', async () => {
    const { server, session, clock } = await opened();
    const connection = new FakeConnection();
    const [call, bytes] = read<Request>('request', { id: 5, method: 'tools/call', params: { name: 'a' } });
    session.request(call, bytes, session.replyOn(connection));
    const inputRequests = { who: { method: 'elicitation/create', params: { message: 'Who?' } } };
    server.says({ id: 5, result: { resultType: 'input_required', inputRequests, requestState: 's' } });
    const { id } = connection.answer as { id: string };
    // A person takes longer than a server may.
    await clock.advance(serverConfig().callTimeoutMs * 2);
    session.tick(clock.now());
    session.accept(...read<Response>('response', { id, result: { action: 'accept', content: {} } }));
    const again = server.sent.at(-1);
    expect(again?.params).toMatchObject({
      name: 'a',
      requestState: 's',
      inputResponses: { who: { action: 'accept' } },
    });
    server.says({ id: again?.id, result: { resultType: 'complete', content: [] } });
    expect(connection.answer).toEqual({ jsonrpc: '2.0', id: 5, result: { resultType: 'complete', content: [] } });
    expect([session.inFlight, session.unexpected]).toEqual([0, 0]);
  });
});

describe('ChannelClient on a server that speaks only 2026-07-28', () => {
  it('calls it, and hears of changes', async () => {
    const server = new FakeChannel();
    const heard: string[] = [];
    const client = await ChannelClient.open(leaseOf(server), {
      config: serverConfig(),
      clock: new ManualClock(),
      onNotification: ({ method }) => heard.push(method),
    });
    const subscriptionId = server.sent.at(-1)?.id;
    const _meta = { 'io.modelcontextprotocol/subscriptionId': subscriptionId };
    server.says({ method: 'notifications/subscriptions/acknowledged', params: { _meta, notifications: {} } });
    server.says({ method: 'notifications/tools/list_changed', params: { _meta } });
    const answer = client.request('tools/call', { name: 'a' });
    server.says({ id: server.sent.at(-1)?.id, result: { resultType: 'complete', content: [] } });
    expect([(await answer).value, heard]).toEqual([
      { resultType: 'complete', content: [] },
      ['notifications/tools/list_changed'],
    ]);
  });
});
