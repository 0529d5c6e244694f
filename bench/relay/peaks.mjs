// How much more memory a bridge needs while a large answer passes, over the size of that answer.
import { forgetPeak, memoryOf } from './process-facts.mjs';
import { spreadOf } from './statistics.mjs';
import { start } from './targets.mjs';
import { times } from './text.mjs';

const mebibyte = 1024 ** 2;
const sizes = [1, 20];

/** @param {import('./calls-section.mjs').Around} around */
export async function measurePeaks(around) {
  const { crew, pace } = around;
  const figures = {};
  const rows = [];
  for (const name of ['ideal', 'gangway', 'supergateway', 'mcp-proxy'].filter(around.isMeant)) {
    const target = await start(name, around);
    const key = `peaks ${name}`;
    try {
      await crew.tell('open', { key, at: target.at, sessions: 1 });
      for (let i = 0; i < 50; i++) await call(crew, key, { tool: 'echo' });
      figures[name] = [];
      for (const size of sizes)
        figures[name].push({ size, ...(await measure(crew, target.pid, key, size * mebibyte, pace.rounds)) });
      rows.push([name, ...figures[name].map(({ peak, fault }) => fault ?? times(peak))]);
    } finally {
      await crew.tell('close', { key });
      await target.stop();
    }
  }
  const columns = ['', ...sizes.map((size) => `${size} MiB`)];
  return { tables: [{ title: 'Peak memory during a large answer, over its size', columns, rows }], figures };
}

async function measure(crew, pid, key, bytes, rounds) {
  const peaks = [];
  for (let round = 0; round < rounds; round++) {
    forgetPeak(pid);
    const before = memoryOf(pid).peakBytes;
    const fault = await call(crew, key, { tool: 'fill', bytes });
    if (fault !== undefined) return { fault };
    peaks.push((memoryOf(pid).peakBytes - before) / bytes);
  }
  return { peak: spreadOf(peaks) };
}

/** @returns what was wrong with the answer */
async function call(crew, key, kind) {
  return (await crew.tell('prepare', { key, sessions: 1, inFlight: 1, kind })).fault;
}
