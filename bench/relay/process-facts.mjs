// What the kernel knows of a process: CPU, memory, read and write calls. Linux only.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** @typedef {{ cpuNs: number, calls: number }} Usage CPU of all threads; read and write calls (`calls`) since its start */

/** @param {number} pid @returns {Usage} */
export function usageOf(pid) {
  const io = readFileSync(`/proc/${pid}/io`, 'latin1');
  return { cpuNs: cpuNsOf(pid), calls: Number(/syscr: (\d+)/.exec(io)[1]) + Number(/syscw: (\d+)/.exec(io)[1]) };
}

/** What the scheduler has counted, in ns; in ticks of 10 ms where it does not. */
function cpuNsOf(pid) {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readIfThere(`/proc/${pid}/task/${thread}/schedstat`);
    sum += Number(text?.split(' ')[0] ?? 0);
  }
  if (sum > 0) return sum;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 1e7;
}

/** Memory in RAM, now and at most since `forgetPeak`, in bytes. @param {number} pid */
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const bytes = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(text)[1]) * 1024;
  return { nowBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}

/** @param {number} pid */
export function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** A child of it whose command line has this word in it. @param {number} pid @param {string} word @returns {number | undefined} */
export function childWith(pid, word) {
  return childrenOf(pid).find((child) => readIfThere(`/proc/${child}/cmdline`)?.includes(word));
}

/** @param {number} pid @returns {number[]} */
export function childrenOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const text = threads.map((thread) => readIfThere(`/proc/${pid}/task/${thread}/children`) ?? '').join(' ');
  return text.split(' ').filter(Boolean).map(Number);
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
