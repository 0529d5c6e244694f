import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { ReverseRig } from '../support/reverse-rig.ts';

const prefix = 'io.modelcontextprotocol/';
const call = { id: 5, method: 'tools/call', params: { name: 'a' } };

describe('reverseLease() answers initialize', () => {
  it('from what the server says to server/discover, without what only 2026-07-28 can use', async () => {
    const rig = new ReverseRig();
    expect(await rig.begin()).toEqual({
      jsonrpc: '2.0',
      id: 'init',
      result: {
        protocolVersion: '2025-11-25',
        capabilities: {
          tools: { listChanged: true },
          resources: { subscribe: true, listChanged: true },
          prompts: {},
          logging: {},
          extensions: { 'com.example/own': { a: 1 } },
        },
        serverInfo: { name: 'modern', version: '7' },
        instructions: 'Be kind',
      },
    });
    expect(rig.server.lines).toEqual([]);
  });

  it.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-06-18', '2025-06-18'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('that asks for %s with %s', async (protocolVersion, agreed) => {
    expect(await new ReverseRig().begin({ protocolVersion })).toMatchObject({ result: { protocolVersion: agreed } });
  });

  it('with a name of ours when the server has none', async () => {
    const rig = new ReverseRig({ serverInfo: undefined, instructions: undefined });
    const answer = await rig.begin();
    expect(answer?.result).toMatchObject({ serverInfo: { name: 'files', version: 'unknown' } });
    expect(answer?.result).not.toHaveProperty('instructions');
  });

  it('with the error that keeps the server from being asked', async () => {
    const error = new BridgeError('START_FAILED', 'x');
    const rig = new ReverseRig(error);
    await rig.begin();
    expect(rig.failed).toEqual([{ id: 'init', error, wasSent: false }]);
  });

  it('and gives the question up when the session ends', async () => {
    const rig = new ReverseRig();
    await rig.begin();
    await rig.lease.release('session-ended');
    expect([(await rig.discovering).aborted, rig.server.released]).toEqual([true, ['session-ended']]);
  });
});

describe('reverseLease() answers by itself', () => {
  it('ping', async () => {
    const rig = await ReverseRig.begun();
    rig.sends({ id: 1, method: 'ping' });
    expect([rig.got, rig.server.lines]).toEqual([[{ jsonrpc: '2.0', id: 1, result: {} }], []]);
  });

  it('logging/setLevel, and tells the level with every later request', async () => {
    const rig = await ReverseRig.begun();
    rig.sends({ id: 1, method: 'tools/list' });
    expect(rig.lastMeta).not.toHaveProperty([`${prefix}logLevel`]);
    rig.sends({ id: 2, method: 'logging/setLevel', params: { level: 'warning' } });
    rig.sends({ id: 3, method: 'tools/list' });
    expect(rig.got).toEqual([{ jsonrpc: '2.0', id: 2, result: {} }]);
    expect(rig.lastMeta).toMatchObject({ [`${prefix}logLevel`]: 'warning' });
  });

  it('logging/setLevel of no level with an error', async () => {
    const rig = await ReverseRig.begun();
    rig.sends({ id: 2, method: 'logging/setLevel', params: { level: 'loud' } });
    expect(rig.got).toMatchObject([{ id: 2, error: { code: -32602 } }]);
  });

  it.each(['notifications/roots/list_changed', 'notifications/progress', 'notifications/x'])(
    'nothing to %s, which goes nowhere',
    async (method) => {
      const rig = await ReverseRig.begun();
      rig.sends({ method });
      expect([rig.got, rig.server.lines]).toEqual([[], []]);
    },
  );
});

describe('reverseLease() passes requests', () => {
  it('with what 2026-07-28 wants in _meta, all else as it was written', async () => {
    const rig = await ReverseRig.begun({ capabilities: { sampling: { tools: {} } } });
    rig.sends(
      '{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"\\u0061","arguments":{"n":1e400},"_meta":{"progressToken":7,"own":1.50}}}',
    );
    const meta = `"_meta":{"progressToken":7,"own":1.50,"${prefix}protocolVersion":"2026-07-28","${prefix}clientCapabilities":{"sampling":{"tools":{}}},"${prefix}clientInfo":{"name":"old","version":"1"}}`;
    expect(rig.server.lines).toEqual([
      `{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"\\u0061","arguments":{"n":1e400},${meta}}}`,
    ]);
  });

  it('without params with _meta', async () => {
    const rig = await ReverseRig.begun();
    rig.sends({ id: 1, method: 'tools/list' });
    expect(rig.lastMeta).toMatchObject({ [`${prefix}protocolVersion`]: '2026-07-28' });
  });

  it.each<[object, object]>([
    [{ elicitation: {} }, { elicitation: { form: {} } }],
    [{ elicitation: { url: {} } }, { elicitation: { url: {} } }],
    [{ roots: { listChanged: true } }, { roots: {} }],
    [{ tasks: { list: {} }, experimental: { a: {} } }, { experimental: { a: {} } }],
    [{ extensions: { [`${prefix}tasks`]: {}, 'a.b/c': {} } }, { extensions: { 'a.b/c': {} } }],
    [{ extensions: { [`${prefix}tasks`]: {} } }, {}],
  ])('of a client with %j as one with %j', async (capabilities, modern) => {
    const rig = await ReverseRig.begun({ capabilities });
    rig.sends({ id: 1, method: 'tools/list' });
    expect(rig.lastMeta[`${prefix}clientCapabilities`]).toEqual(modern);
  });

  it('and what the server answers, tells and logs, byte for byte', async () => {
    const rig = await ReverseRig.begun();
    rig.sends(call);
    const lines = [
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1.0}}',
      '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1e0}}',
      '{"jsonrpc":"2.0","id":5,"result":{"resultType":"complete","ttlMs":1.0,"content":[]}}',
    ];
    for (const line of lines) rig.server.says(line);
    expect(rig.lines).toEqual(lines);
  });

  it.each([-32602, -32021, -32601])('and an error %d as it is', async (code) => {
    const rig = await ReverseRig.begun();
    rig.sends(call);
    rig.server.says({ id: 5, error: { code, message: 'No', data: { a: 1 } } });
    expect(rig.got).toEqual([{ jsonrpc: '2.0', id: 5, error: { code, message: 'No', data: { a: 1 } } }]);
  });

  it('and results that say nothing of their type', async () => {
    const rig = await ReverseRig.begun();
    rig.sends(call);
    rig.server.says({ id: 5, result: { content: [] } });
    expect(rig.got).toMatchObject([{ id: 5, result: { content: [] } }]);
  });

  it.each(['task', 'something'])('but a result of the type %s becomes an error', async (resultType) => {
    const rig = await ReverseRig.begun();
    rig.sends(call);
    rig.server.says({ id: 5, result: { resultType, taskId: 't' } });
    expect([rig.got, rig.failed]).toMatchObject([[], [{ id: 5, error: { code: 'UPSTREAM_GARBLED' } }]]);
  });

  it('and that they are cancelled', async () => {
    const rig = await ReverseRig.begun();
    rig.sends(call);
    rig.sends({ method: 'notifications/cancelled', params: { requestId: 5, reason: 'r' } });
    expect(rig.last).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 5, reason: 'r' },
    });
  });

  it('but not that others are cancelled', async () => {
    const rig = await ReverseRig.begun();
    rig.sends({ method: 'notifications/cancelled', params: { requestId: 5 } });
    expect(rig.server.lines).toEqual([]);
  });
});

describe('reverseLease() tells', () => {
  it('that requests failed, are garbled, are too many, and that the server has ended', async () => {
    const rig = await ReverseRig.begun();
    const error = new BridgeError('UPSTREAM_EXITED', 'x');
    rig.sends(call);
    rig.server.fails(5, error);
    rig.sends(call);
    rig.server.garbles(5);
    rig.server.ends();
    expect([rig.failed, rig.garbled, rig.ends]).toEqual([[{ id: 5, error, wasSent: false }], [5], 1]);
  });

  it('nothing of what a server must not ask', async () => {
    const rig = await ReverseRig.begun();
    rig.server.says({ id: 1, method: 'sampling/createMessage', params: {} });
    expect([rig.got, rig.server.lines]).toEqual([[], []]);
  });
});
