import { expect, it } from '@jest/globals';
import { settle } from '../support/manual-clock.ts';
import { never, poolRig } from '../support/pool-rig.ts';

it('Pool: 1,000 containers that come and go leave no container, no name, no room taken and no timer behind', async () => {
  const stubborn = { ignoresEof: true };
  const rig = poolRig({ pool: { max: 10 } }, (count) => (count % 2 === 0 ? {} : stubborn));
  for (let cycle = 0; cycle < 100; cycle++) {
    const leases = await Promise.all(Array.from({ length: 10 }, () => rig.pool.acquire(never(), 'client')));
    for (const lease of leases) void lease.release('session-ended');
    await rig.clock.advance(2000);
  }
  rig.pool.drain();
  await settle();
  expect(rig.engine.children).toHaveLength(1000);
  expect(rig.engine.live).toEqual([]);
  expect([...rig.held]).toEqual([]);
  expect(rig.budget.stats()).toMatchObject({ containers: 0, memoryBytes: 0 });
  expect(rig.clock.pending).toBe(0);
});
