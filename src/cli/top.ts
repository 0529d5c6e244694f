import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import { AdminError, withBridge, type AdminClient } from './admin-client.ts';
import type { Arguments } from './args.ts';
import { statusSchema, type BridgeStatus } from './bridge-status.ts';
import type { Output } from './output.ts';
import { enterPage, frame, leavePage, stdoutScreen, type Screen } from './screen.ts';
import { topLines } from './top-table.ts';

const redrawMs = 1000;
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `gangway top`: the running bridge as a table, drawn again every second until a signal; once, when nobody watches. */
export function top(
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
  screen: Screen = stdoutScreen,
): Promise<number> {
  return withBridge(args, environment, output, async (bridge) => {
    if (args.isJson) output.json(await bridge.get('/status'));
    else if (args.isOnce || !screen.isTerminal) {
      for (const line of topLines(await look(bridge), screen.width)) output.line(line);
    } else await watch(bridge, screen);
    return 0;
  });
}

async function look(bridge: AdminClient, signal?: AbortSignal): Promise<BridgeStatus> {
  return statusSchema.parse(await bridge.get('/status', signal));
}

/** @throws {AdminError} when there is no bridge at first; one that goes away later may come back */
async function watch(bridge: AdminClient, screen: Screen): Promise<void> {
  let paint = pictureOf(await look(bridge));
  const draw = (): void => {
    screen.write(frame(paint(screen.width), screen.height));
  };
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  screen.watch(draw, end);
  for (const signal of endings) process.on(signal, end);
  screen.write(enterPage);
  try {
    while (!ended.signal.aborted) {
      draw();
      paint = await next(bridge, ended.signal);
    }
  } finally {
    screen.write(leavePage);
    for (const signal of endings) process.off(signal, end);
  }
}

type Picture = (width: number) => readonly string[];

const pictureOf = (status: BridgeStatus): Picture => {
  return (width) => topLines(status, width);
};

/** What is to be seen a second later, or as soon as the signal is raised. */
async function next(bridge: AdminClient, signal: AbortSignal): Promise<Picture> {
  try {
    await pause(redrawMs, undefined, { signal });
    return pictureOf(await look(bridge, signal));
  } catch (error) {
    if (!(error instanceof AdminError || signal.aborted)) throw error;
    return () => [messageOf(error), 'Trying again every second.'];
  }
}
