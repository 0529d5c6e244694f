import { pino, type Logger, type LoggerOptions } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFormat = 'json' | 'pretty';

/**
 * The structured log, on stderr, so that stdout stays free for what a command prints.
 * Message bodies, tool arguments, session ids and secrets are never given to it.
 */
export function createLog(level: LogLevel, format: LogFormat): Log {
  const options: LoggerOptions = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (format === 'pretty') {
    return pino(
      options,
      pretty({ destination: 2, sync: true, ignore: 'pid,hostname', singleLine: true, translateTime: 'SYS:HH:MM:ss' }),
    );
  }
  // Asynchronous, and bounded: a blocked sink drops lines instead of stopping the event loop or filling the memory.
  const destination = pino.destination({ dest: 2, sync: false, maxLength: 4 * 1024 * 1024 });
  destination.on('error', () => {
    // EPIPE or ENOSPC: there is nowhere left to say it.
  });
  return pino(options, destination);
}
