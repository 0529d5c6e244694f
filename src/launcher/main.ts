import { systemClock } from '../base/clock.ts';
import { detectEngine } from '../engine/detect.ts';
import { ProcessEngine } from '../engine/process-engine.ts';
import { makeRunFolder, removeDeadRunFolders, removeRunFolder } from '../engine/run-folders.ts';
import { Launcher } from './launcher.ts';
import type { Report } from './protocol.ts';
import { StdioDoor } from './stdio-door.ts';

/** The program of the launcher: `node main.js TOKEN`, with a channel to its bridge. */
const [, , token = ''] = process.argv;

// Whoever ends a whole group or control group means the bridge, whose end ends us too, in order.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
// What a launcher before us left: the bridge has one at a time.
removeDeadRunFolders(token);
const folder = makeRunFolder(token);
process.once('exit', () => {
  removeRunFolder(folder);
});
const door = new StdioDoor(folder, systemClock);
await door.open();
const launcher = new Launcher({
  port: {
    // A bridge that is gone hears nothing.
    send: (report: Report) => void process.send?.(report, undefined, undefined, () => undefined),
    onMessage: (listener) => process.on('message', listener),
    onClose: (listener) => process.once('disconnect', listener),
  },
  streams: door,
  detect: (wanted) => detectEngine(wanted, process.env, systemClock, token),
  processes: new ProcessEngine(process.env, systemClock),
  ...{ token, clock: systemClock },
});
process.once('disconnect', () => {
  // Every timer lets the program end; this one keeps it until all is done.
  const stayAlive = setInterval(() => undefined, 60_000);
  void launcher.end().finally(() => {
    clearInterval(stayAlive);
    process.exit(0);
  });
});
process.send?.({ kind: 'ready', socket: door.path } satisfies Report);
