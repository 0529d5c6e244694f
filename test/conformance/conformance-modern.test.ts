import { startDirect } from './targets.ts';
import { describeRevision } from './ways.ts';

describeRevision('2026-07-28', { scored: 37, unscored: 13 }, [
  { how: 'by itself', start: () => startDirect('direct-modern.mjs') },
]);
