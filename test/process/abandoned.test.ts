import { expect, it, jest } from '@jest/globals';
import { connect } from '../support/mcp-client.ts';
import { fixture, serve } from '../support/program.ts';

jest.setTimeout(30_000);

it('A client is served although those before it closed without ending their sessions', async () => {
  const servers = { narrow: { command: fixture('well-behaved'), pool: { warm: 0, max: 2 } } };
  await using bridge = await serve({ servers }, { args: ['--allow-process'] });
  for (let i = 0; i < 4; i++) {
    const { client } = await connect(bridge.url, 'narrow');
    expect((await client.listTools()).tools).not.toHaveLength(0);
    // The SDK sends no DELETE when it is closed.
    await client.close();
  }
  const { sessions, pool } = (await bridge.status()).servers['narrow'] ?? {};
  expect([sessions, pool?.leased]).toEqual([2, 2]);
  await bridge.waitForLine(/"reason":"abandoned"/);
});

it('A client that listens keeps its session, however long the line', async () => {
  const servers = { narrow: { command: fixture('well-behaved'), pool: { warm: 0, max: 1, acquireTimeout: '3s' } } };
  await using bridge = await serve({ servers }, { args: ['--allow-process'] });
  await using first = await connect(bridge.url, 'narrow');
  await expect(connect(bridge.url, 'narrow')).rejects.toThrow('Cannot lease a container');
  expect((await first.client.listTools()).tools).not.toHaveLength(0);
});
