import { fixture } from '../support/program.ts';
import { startDirect, startGangway, type Target } from './targets.ts';
import { describeRevision } from './ways.ts';

const command = fixture('conformance');
// A scenario that fails leaves its session behind; that must not fail those after it.
const pool = { warm: 2, max: 100 };

describeRevision('2025-11-25', { scored: 30, unscored: 3 }, [
  { how: 'by itself', start: () => startDirect('direct.mjs') },
  { how: 'through Gangway', start: () => startGangway({ command, pool }) },
  {
    how: 'through Gangway, shared',
    start: () => startGangway({ command, sharing: 'shared', pool: { max: 1 } }),
  },
  {
    how: 'through Gangway, where it speaks 2026-07-28 too',
    start: () => startGangway({ command: fixture('conformance-modern', '--dual'), pool }),
  },
  {
    how: 'through Gangway, where it only speaks 2026-07-28',
    start: () => startGangway({ command: fixture('conformance-modern') }),
  },
  { how: 'through Gangway, as a remote server', start: startRemote },
]);

/** Each session is a session of the server on HTTP. */
async function startRemote(): Promise<Target> {
  const direct = await startDirect('direct.mjs');
  const bridge = await startGangway({ url: direct.url });
  return {
    url: bridge.url,
    [Symbol.asyncDispose]: async () => {
      await bridge[Symbol.asyncDispose]();
      await direct[Symbol.asyncDispose]();
    },
  };
}
