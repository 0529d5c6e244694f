// What a call may cost at most before gate.mjs complains. Read and write calls do not depend on the machine or on what else
// runs on it, so their bounds are tight; CPU does, a little, even as a ratio of the same round.
import { ratio } from './call-table.mjs';
import { spreadOf } from './statistics.mjs';
import { figure, times } from './text.mjs';

/** By load: read and write calls per call; CPU per call over the ideal relay's. */
export const bounds = {
  '16x1': { systemCalls: 4.1, cpu: 2 },
  '1x16': { systemCalls: 2.9, cpu: 2 },
  '10k': { systemCalls: 4.6, cpu: 1.8 },
  // How large a piece of a large message is, is the kernel's business.
  '1m': { systemCalls: 150, cpu: 0.75 },
  stream: { systemCalls: 4.3, cpu: 3.2 },
};

/** @param {import('./calls-section.mjs').Measured} measured with the targets `ideal` and `gangway` */
export function checksOf(measured) {
  const { name, series } = measured;
  const bound = bounds[name];
  const calls = spreadOf((series.get('gangway')?.slices ?? []).map((slice) => slice.systemCalls));
  const cpu = ratio(measured, 'gangway', 'ideal', 'cpuUs');
  const faults = [...series.values()].flatMap((each) => [...each.faults, ...(each.refusal ? [each.refusal] : [])]);
  return [
    {
      isKept: faults.length === 0,
      text: `${name}: ${faults.length === 0 ? 'no answer was wrong or lost' : [...new Set(faults)].join(', ')}`,
    },
    {
      isKept: calls !== undefined && calls.median <= bound.systemCalls,
      text: `${name}: ${figure(calls?.median)} read and write calls per call, at most ${bound.systemCalls}`,
    },
    {
      isKept: cpu !== undefined && cpu.median <= bound.cpu,
      text: `${name}: ${times(cpu)} the CPU of the ideal relay, at most ${bound.cpu}×`,
    },
  ];
}
