import { App, isApp } from '../apps/app.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { GroupSource, ServerConfig } from '../config/config.ts';
import { GroupBackend } from '../group/group-backend.ts';
import type { Member } from '../group/member.ts';
import type { Backend } from '../relay/backend.ts';
import { RemoteServer } from '../remote/remote-server.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** The servers of a group at this moment. */
  readonly members: (group: GroupSource) => readonly Member[];
}

/** @param server has no process; the object that is changed in place when its sizes and times change */
export function backendFor(server: ServerConfig, around: Surroundings): Backend {
  if (isApp(server)) return new App(server, around);
  const { source, maxLineBytes } = server;
  if (source.kind === 'url') return new RemoteServer({ ...source, maxLineBytes }, around.clock, around.log);
  if (source.kind === 'group') return groupOf(source, around);
  throw new TypeError(`There is nothing behind a server of kind ${source.kind}`);
}

function groupOf(source: GroupSource, { members, clock, log }: Surroundings): GroupBackend {
  return new GroupBackend(source, { members: () => members(source), clock, log });
}
