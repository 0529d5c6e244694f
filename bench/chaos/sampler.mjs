// Once a second: what the bridge says that it has, what the engine has, what the bridge costs.
import { setTimeout as pause } from 'node:timers/promises';
import { usageOf } from './processes.mjs';

/**
 * @param {{ bridge: import('./bridge.mjs').Bridge, engine: import('./engine.mjs').Engine, history: import('./history.mjs').History, now: () => number, instance: string }} around
 * @param {AbortSignal} signal ends it
 */
export async function runSampler(around, signal) {
  while (!signal.aborted) {
    const startedAt = around.now();
    const sample = await take(around);
    if (sample) around.history.samples.push(sample);
    await pause(Math.max(100, 1000 - (around.now() - startedAt)));
  }
}

/** @returns {Promise<import('./history.mjs').Sample | undefined>} undefined while the bridge is down */
async function take({ bridge, engine, history, now, instance }) {
  const { life } = bridge;
  if (!bridge.isUp || !life) return undefined;
  const before = await bridge.status();
  // An engine that is frozen, or that has just lost what it was about to describe, gives no answer.
  const listed = await engine.list(instance).catch(() => undefined);
  const after = await bridge.status();
  const usage = usageOf(life.pid);
  // It went down meanwhile.
  if (!bridge.isUp || bridge.life !== life || !usage) return undefined;
  return { at: now(), life: history.lives.indexOf(life), before, after, listed, ...usage };
}
