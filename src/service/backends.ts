import { App, isApp } from '../apps/app.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Backend } from '../relay/backend.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** @param server has no process; the object that is changed in place when its sizes and times change */
export function backendFor(server: ServerConfig, around: Surroundings): Backend {
  if (isApp(server)) return new App(server, around);
  throw new TypeError(`There is nothing behind a server of kind ${server.source.kind}`);
}
