import { existsSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load.ts';
import { detectEngine } from '../engine/detect.ts';
import type { ContainerRecord, Engine } from '../engine/engine.ts';
import { labelKeys } from '../engine/labels.ts';
import { ProcessEngine } from '../engine/process-engine.ts';
import { localProcesses } from '../engine/sweep.ts';
import type { Arguments } from './args.ts';
import { table, type Output } from './output.ts';

/** `gangway ps`: every container and process of any Gangway here, and whether its owner still lives. */
export async function ps(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const { engine } = await detectEngine(wantedEngine(args, environment), environment, systemClock);
  const engines: readonly Engine[] = [engine, new ProcessEngine(environment, systemClock)];
  const records = (await Promise.all(engines.map((each) => each.list()))).flat();
  const rows = records.map((record) => describe(record, Date.now()));
  if (args.isJson) {
    output.json(rows);
    return 0;
  }
  const cells = rows.map(({ name, server, state, ageSeconds, owner }) => [
    name,
    server,
    state,
    formatAge(ageSeconds),
    owner,
  ]);
  for (const line of table([['NAME', 'SERVER', 'STATE', 'AGE', 'OWNER'], ...cells])) output.line(line);
  return 0;
}

/** The engine of the file, if there is a file: this command needs nothing else of it. */
function wantedEngine(args: Arguments, environment: NodeJS.ProcessEnv): 'auto' | 'podman' | 'docker' {
  if (args.overrides.engine !== undefined) return args.overrides.engine;
  return existsSync(args.config) ? loadConfig(args.config, environment, args.overrides).engine : 'auto';
}

function describe({ name, state, labels }: ContainerRecord, now: number) {
  const started = Number(labels[labelKeys.started] ?? 0);
  return {
    name,
    server: labels[labelKeys.server] ?? '',
    state,
    ageSeconds: Math.max(0, Math.round(now / 1000 - started)),
    owner: describeOwner(labels[labelKeys.owner] ?? ''),
  };
}

function describeOwner(token: string): string {
  const [space, pid = '', start = ''] = token.split('.');
  if (space !== localProcesses.space) return 'elsewhere';
  return localProcesses.isAlive(Number(pid), start) ? `process ${pid}` : 'gone: the next start removes it';
}

function formatAge(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return `${Math.round(seconds / 3600)}h`;
}
