import { pino } from 'pino';
import type { Log } from '../../src/base/log.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface QuietLog {
  readonly log: Log;
  /** Everything that was logged, the oldest first. */
  readonly lines: LogLine[];
}

/** A log that prints nothing and keeps its lines. */
export function quietLog(): QuietLog {
  const lines: LogLine[] = [];
  const sink = {
    write(line: string): void {
      lines.push(JSON.parse(line) as LogLine);
    },
  };
  return { log: pino({ level: 'trace', base: null }, sink), lines };
}
