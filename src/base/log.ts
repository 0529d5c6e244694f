import { createRequire } from 'node:module';
import { pino, type Logger, type LoggerOptions } from 'pino';
import type * as pretty from 'pino-pretty';
import { LineSink } from './line-sink.ts';

export type Log = Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFormat = 'json' | 'pretty';

/**
 * The stderr of the program, where all logs go. To ask `process.stderr` for its number makes a pipe non-blocking: a
 * write to a full one fails then, and holds no thread that the end of the program would wait for.
 */
const stderr = new LineSink(process.stderr.fd);
process.once('exit', () => {
  stderr.writeLast();
});

/** Lines of the log that were lost: its sink is blocked, gone or full. */
export function droppedLogLines(): number {
  return stderr.dropped;
}

/**
 * The structured log, on stderr, so that stdout stays free for what a command prints.
 * Message bodies, tool arguments, session ids and secrets are never given to it.
 */
export function createLog(level: LogLevel, format: LogFormat): Log {
  const options: LoggerOptions = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (format === 'json') return pino(options, stderr);
  // Only a terminal needs it.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof pretty;
  const toText = prettyFactory({ ignore: 'pid,hostname', singleLine: true, translateTime: 'SYS:HH:MM:ss' });
  return pino(options, {
    write(line: string) {
      stderr.write(toText(line));
    },
  });
}
