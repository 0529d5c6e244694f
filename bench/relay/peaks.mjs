// How much more memory a bridge needs while a large answer passes, over the size of that answer.
import { forgetPeak, memoryOf } from './process-facts.mjs';
import { warmUp } from './slices.mjs';
import { spreadOf } from './statistics.mjs';
import { start } from './targets.mjs';
import { times } from './text.mjs';

const mebibyte = 1024 ** 2;
const sizes = [1, 20];
/** Small calls, until the heap of the bridge grows no more. */
const settleMs = 500;

/** @param {import('./calls-section.mjs').Around} around */
export async function measurePeaks(around) {
  const figures = {};
  const rows = [];
  if (around.pace.peakRounds === 0) return { tables: [], figures };
  for (const name of ['ideal', 'gangway', 'supergateway', 'mcp-proxy'].filter(around.isMeant)) {
    figures[name] = [];
    for (const size of sizes) figures[name].push({ size, ...(await measure(around, name, size * mebibyte)) });
    rows.push([name, ...figures[name].map(({ peak, fault }) => fault ?? times(peak))]);
  }
  const columns = ['', ...sizes.map((size) => `${size} MiB`)];
  return { tables: [{ title: 'Peak memory during a large answer, over its size', columns, rows }], figures };
}

/** A fresh bridge; what it keeps of one answer counts for the next as well. */
async function measure(around, name, bytes) {
  const { crew, pace } = around;
  const target = await start(name, around);
  try {
    await warmUp(crew, target, { sessions: 1, inFlight: 1, kind: { tool: 'echo' } }, settleMs);
    const before = memoryOf(target.pid).nowBytes;
    const peaks = [];
    for (let round = 0; round < pace.peakRounds; round++) {
      forgetPeak(target.pid);
      const kind = { tool: 'fill', bytes };
      const { fault } = await crew.tell('prepare', { key: name, sessions: 1, inFlight: 1, kind });
      if (fault !== undefined) return { fault };
      peaks.push((memoryOf(target.pid).peakBytes - before) / bytes);
    }
    return { peak: spreadOf(peaks) };
  } finally {
    await crew.tell('close', { key: name });
    await target.stop();
  }
}
