import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Redactor } from '../base/redact.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Child, Engine, LaunchSpec } from '../engine/engine.ts';
import { containerName, labelsFor, type Owner } from '../engine/labels.ts';
import type { Deaths } from './deaths.ts';
import type { Leaks } from './leaks.ts';
import { Upstream } from './upstream.ts';

export interface StartContext {
  readonly owner: Owner;
  /** Names of all containers that this run holds: added before the start, taken out when gone. */
  readonly held: Set<string>;
  /** Containers that could not be removed. */
  readonly leaks: Leaks;
  /** Undefined counts none. */
  readonly deaths: Deaths | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Starts one server: the only code path that starts anything. It speaks to nobody yet.
 *
 * @param source what `engine.prepare` returned for it
 */
export function startUpstream(
  engine: Engine,
  server: ServerConfig,
  source: LaunchSpec['source'],
  context: StartContext,
): Upstream {
  const name = containerName(server.name);
  const secrets = server.env.filter(({ secret }) => secret).map(({ value }) => value);
  // Before the start: from here on the name has an owner, and whatever appears under it is found.
  context.held.add(name);
  const child = launch(engine, context, {
    name,
    labels: labelsFor(context.owner, server.name, new Date()),
    source,
    args: server.args,
    env: server.env,
    mounts: server.mounts,
    user: server.user,
    network: server.network,
    sandbox: server.sandbox,
    resources: server.resources,
    // Longer than any session may last, and the time it takes to end one.
    lifetimeSeconds: Math.ceil((2 * server.pool.maxAgeMs) / 1000) + 60,
  });
  const upstream = new Upstream(child, {
    engine,
    clock: context.clock,
    log: context.log,
    redactor: new Redactor(secrets),
    maxLineBytes: server.maxLineBytes,
    leaks: context.leaks,
    server: server.name,
    memoryBytes: server.resources.memoryBytes,
  });
  void upstream.exited.then((exit) => {
    if (upstream.hasDied) context.deaths?.add(server.name, exit);
  });
  void upstream.gone.then(() => context.held.delete(name));
  return upstream;
}

/** A launch that throws has started nothing: its name is nobody's. */
function launch(engine: Engine, { held }: StartContext, spec: LaunchSpec): Child {
  try {
    return engine.launch(spec);
  } catch (error) {
    held.delete(spec.name);
    throw error;
  }
}
