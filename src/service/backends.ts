import { App, isApp } from '../apps/app.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Backend } from '../relay/backend.ts';
import { RemoteServer } from '../remote/remote-server.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** @param server has no process; the object that is changed in place when its sizes and times change */
export function backendFor(server: ServerConfig, around: Surroundings): Backend {
  if (isApp(server)) return new App(server, around);
  const { source, maxLineBytes } = server;
  if (source.kind === 'url') return new RemoteServer({ ...source, maxLineBytes }, around.clock, around.log);
  throw new TypeError(`There is nothing behind a server of kind ${source.kind}`);
}
