// Processes of this machine, from /proc: Linux only.
import { readdirSync, readFileSync } from 'node:fs';

/** @returns {{ pid: number, words: string[] }[]} every process with its command line */
export function commandLines() {
  return pids().flatMap((pid) => {
    const text = read(`/proc/${pid}/cmdline`);
    return text ? [{ pid, words: text.split('\0').slice(0, -1) }] : [];
  });
}

/** @param {number} pid @returns {number | undefined} */
export function parentOf(pid) {
  return stat(pid)?.parent;
}

/** @param {number} pid */
export function childrenOf(pid) {
  return pids().filter((each) => stat(each)?.parent === pid);
}

/** Bytes in memory, and open descriptors; undefined when it is gone. @param {number} pid */
export function usageOf(pid) {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  if (kilobytes === undefined) return undefined;
  try {
    return { rss: Number(kilobytes) * 1024, fds: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

function stat(pid) {
  const text = read(`/proc/${pid}/stat`);
  // The name before it may hold anything.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields && { state: fields[0], parent: Number(fields[1]) };
}

function pids() {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
