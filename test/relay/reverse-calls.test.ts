import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { errorMessage } from '../../src/jsonrpc/error-message.ts';
import { ReverseRig } from '../support/reverse-rig.ts';

const all = { capabilities: { elicitation: {}, sampling: {}, roots: {} } };
const form = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } };
const sample = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
const cancelled = 'notifications/cancelled';

async function calling(params: object = all, method = 'tools/call'): Promise<ReverseRig> {
  const rig = await ReverseRig.begun(params);
  rig.sends({ id: 5, method, params: { name: 'a', _meta: { progressToken: 't' } } });
  return rig;
}

describe('A result that needs input', () => {
  it.each(['tools/call', 'prompts/get', 'resources/read'])(
    'of %s becomes questions to the client, and with the answers the request is sent again',
    async (method) => {
      const rig = await calling(all, method);
      rig.asks({ who: form, what: sample, where: { method: 'roots/list' } }, { requestState: 's\u00e9' });
      const [who, what, where] = rig.got;
      expect(rig.got).toMatchObject([form, sample, { method: 'roots/list' }].map((each) => ({ ...each, cause: 5 })));
      rig.sends({ id: where?.id, result: { roots: [] } });
      rig.sends({ id: what?.id, result: { role: 'assistant', model: 'm' } });
      expect(rig.server.lines).toHaveLength(1);
      rig.sends({ id: who?.id, result: { action: 'accept', content: { n: 1 } } });
      expect(rig.last).toMatchObject({
        method,
        params: {
          name: 'a',
          requestState: 's\u00e9',
          inputResponses: {
            who: { action: 'accept', content: { n: 1 } },
            what: { role: 'assistant', model: 'm' },
            where: { roots: [] },
          },
          _meta: { progressToken: 't', 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
        },
      });
    },
  );

  it('is followed by one under another id, whose answer the client gets under its own', async () => {
    const rig = await calling();
    rig.asks({ who: form });
    rig.sends({ id: rig.got[0]?.id, result: { action: 'decline' } });
    expect(rig.last.id).not.toBe(5);
    rig.server.says(`{"jsonrpc":"2.0","id":"${String(rig.last.id)}","result":{"resultType":"complete","n":1.50}}`);
    expect(rig.lines.at(-1)).toBe('{"jsonrpc":"2.0","id":5,"result":{"resultType":"complete","n":1.50}}');
  });

  it('keeps what is written in answers and state as it was', async () => {
    const rig = await calling();
    const result =
      '{"resultType":"input_required","inputRequests":{"k\\u0061":{"method":"roots/list"}},"requestState":"\\u0041\\/"}';
    rig.server.says(`{"jsonrpc":"2.0","id":5,"result":${result}}`);
    rig.sends(`{"jsonrpc":"2.0","id":"${String(rig.got[0]?.id)}","result":{"n":1.50,"t":"\\u0042"}}`);
    const line = rig.server.lines.at(-1);
    expect(line).toContain('"inputResponses":{"ka":{"n":1.50,"t":"\\u0042"}}');
    expect(line).toContain('"requestState":"\\u0041\\/"');
  });

  it('without a state is followed by one without, also after a round with one', async () => {
    const rig = await calling();
    rig.asks(undefined, { requestState: 's' });
    expect(rig.last.params).toMatchObject({ requestState: 's' });
    rig.asks({ who: form });
    rig.sends({ id: rig.got[0]?.id, result: { action: 'decline' } });
    expect(rig.last.params).not.toHaveProperty('requestState');
  });

  it('without questions is followed by the same request at once', async () => {
    const rig = await calling();
    rig.asks(undefined, { requestState: 's' });
    expect(rig.server.sent).toMatchObject([{ id: 5 }, { params: { requestState: 's' } }]);
    expect(rig.last.params).not.toHaveProperty('inputResponses');
  });

  it('may come 20 times, then the call fails', async () => {
    const rig = await calling();
    for (let i = 0; i < 20; i++) rig.asks(undefined, { requestState: `s${i}` });
    expect([rig.server.lines.length, rig.failed]).toEqual([21, []]);
    rig.asks(undefined, { requestState: 's20' });
    expect([rig.server.lines.length, rig.failed]).toMatchObject([21, [{ id: 5, error: { code: 'INPUT_FAILED' } }]]);
  });

  it('may ask for 100 things at once, and not for more', async () => {
    const questions = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`q${i}`, { method: 'roots/list' }]));
    const [some, many] = [await calling(), await calling()];
    some.asks(questions(100));
    many.asks(questions(101));
    expect([some.got.length, many.got.length, many.failed[0]?.error.code]).toEqual([100, 0, 'INPUT_FAILED']);
  });

  it('is an error for a request that must not need any', async () => {
    const rig = await calling(all, 'tools/list');
    rig.asks({ who: form });
    expect([rig.got, rig.failed]).toMatchObject([[], [{ id: 5, error: { code: 'UPSTREAM_GARBLED' } }]]);
  });

  it.each<[string, object, object]>([
    ['sampling/createMessage', { elicitation: {} }, sample],
    ['roots/list', {}, { method: 'roots/list' }],
    ['elicitation/create', { elicitation: {} }, { method: 'elicitation/create', params: { mode: 'url', url: 'u' } }],
    ['elicitation/create', { elicitation: { url: {} } }, form],
    ['tools/call', all.capabilities, { method: 'tools/call' }],
    ['', all.capabilities, {}],
  ])('fails the call when it asks for "%s" of a client with %j', async (method, capabilities, question) => {
    const rig = await calling({ capabilities });
    rig.asks({ a: question });
    expect([rig.got, rig.failed]).toMatchObject([[], [{ id: 5, wasSent: true, error: { code: 'INPUT_FAILED' } }]]);
    expect(rig.failed[0]?.error.message).toContain(`"${method}"`);
  });

  it('that asks at a URL has the id that 2025-11-25 wants', async () => {
    const rig = await calling({ capabilities: { elicitation: { url: {} } } });
    rig.asks({ a: { method: 'elicitation/create', params: { mode: 'url', message: 'm', url: 'https://a' } } });
    expect(rig.got[0]?.params).toEqual({ mode: 'url', message: 'm', url: 'https://a', elicitationId: rig.got[0]?.id });
  });
});

describe('A question that the client answers with an error', () => {
  it('is a person who has not answered', async () => {
    const rig = await calling();
    rig.asks({ who: form });
    rig.sends({ id: rig.got[0]?.id, error: { code: -1, message: 'no' } });
    expect(rig.last.params).toMatchObject({ inputResponses: { who: { action: 'cancel' } } });
  });

  it('fails the call when it is about anything else, and the others are withdrawn', async () => {
    const rig = await calling();
    rig.asks({ what: sample, who: form });
    const [what, who] = rig.got;
    rig.sends({ id: what?.id, error: { code: -1, message: 'no' } });
    expect(rig.got.at(-1)).toMatchObject({ method: cancelled, params: { requestId: who?.id }, cause: 5 });
    expect(JSON.parse(errorMessage(rig.failed[0]?.error, '5').toString())).toMatchObject({
      error: { code: -32603, message: expect.stringContaining('"sampling/createMessage"') as unknown },
    });
    rig.sends({ id: who?.id, result: { action: 'accept' } });
    expect(rig.server.lines).toHaveLength(1);
  });

  it('at once leaves the others unasked', async () => {
    const rig = await calling();
    rig.onGot = ({ id, method }) => {
      if (method === 'roots/list') rig.sends({ id, error: { code: -32601, message: 'no' } });
    };
    rig.asks({ where: { method: 'roots/list' }, who: form });
    expect(rig.got.map(({ method }) => method)).toEqual(['roots/list', cancelled]);
  });
});

describe('A call that the client gives up', () => {
  const giveUp = { method: cancelled, params: { requestId: 5 } };

  it('while it is asked withdraws the questions, and is forgotten', async () => {
    const rig = await calling();
    rig.asks({ who: form });
    const id = rig.got[0]?.id;
    rig.sends(giveUp);
    expect(rig.got.at(-1)).toMatchObject({ method: cancelled, params: { requestId: id } });
    rig.sends({ id, result: { action: 'accept' } });
    expect(rig.server.lines).toHaveLength(1);
  });

  it('after a round is given up under the id that the server knows', async () => {
    const rig = await calling();
    rig.asks(undefined);
    const { id } = rig.last;
    rig.sends(giveUp);
    expect(rig.last).toMatchObject({ method: cancelled, params: { requestId: id } });
    rig.server.says({ id, result: {} });
    expect(rig.got).toEqual([]);
  });
});

describe('What happens after a round', () => {
  it('is told under the id of the client', async () => {
    const rig = await calling();
    rig.asks(undefined);
    rig.server.garbles(rig.last.id ?? 0);
    const failing = await calling();
    failing.asks(undefined);
    failing.server.fails(failing.last.id ?? 0, new BridgeError('UPSTREAM_EXITED', 'x'));
    expect([rig.garbled, failing.failed]).toMatchObject([[5], [{ id: 5, wasSent: true }]]);
  });

  it('is not mixed with another call', async () => {
    const rig = await calling();
    rig.sends({ id: 6, method: 'tools/call', params: { name: 'b' } });
    rig.server.says({ id: 5, result: { resultType: 'input_required', inputRequests: { who: form } } });
    rig.server.says({ id: 6, result: { resultType: 'input_required', inputRequests: { who: form } } });
    const [first, second] = rig.got;
    rig.sends({ id: second?.id, result: { action: 'accept', content: { of: 6 } } });
    expect(rig.last.params).toMatchObject({ name: 'b', inputResponses: { who: { content: { of: 6 } } } });
    rig.sends({ id: first?.id, result: { action: 'accept', content: { of: 5 } } });
    expect(rig.last.params).toMatchObject({ name: 'a', inputResponses: { who: { content: { of: 5 } } } });
  });
});
