import { printable } from '../base/printable.ts';
import type { BridgeStatus, ServerStatus } from './bridge-status.ts';

interface Column {
  readonly title: string;
  readonly isNumber: boolean;
  /** Not there when no server has anything in it. */
  readonly isOptional?: true;
  readonly cell: (server: ServerStatus) => string | number | undefined;
}

/** Other columns make way for so much of the last error; with much less room than that it is left out. */
const wantedErrorWidth = 24;
const leastErrorWidth = 12;
const gap = '  ';
const none = '-';

/** What a column that narrows the table is worth: the first of these go first. */
const dispensable = [
  ...['SHARING', 'STARTS', 'RETIRING', 'RESTARTS', 'STARTING', 'CIRCUIT', 'SESSIONS', 'MAX', 'DIED', 'FAILED', 'CALLS'],
];

const columns: readonly Column[] = [
  { title: 'SHARING', isNumber: false, cell: ({ sharing }) => sharing },
  { title: 'STARTING', isNumber: true, cell: ({ pool }) => pool.starting },
  { title: 'READY', isNumber: true, cell: ({ pool }) => pool.warm ?? pool.ready },
  { title: 'BUSY', isNumber: true, cell: ({ pool }) => pool.leased ?? pool.busy },
  { title: 'RETIRING', isNumber: true, cell: ({ pool }) => sum(pool.draining, pool.retiring) },
  { title: 'MAX', isNumber: true, cell: ({ pool }) => pool.max },
  { title: 'LINE', isNumber: true, cell: ({ pool }) => pool.waiting },
  { title: 'SESSIONS', isNumber: true, cell: ({ sessions }) => sessions },
  { title: 'CALLS', isNumber: true, cell: ({ callsInFlight, pool }) => callsInFlight ?? pool.ongoing },
  { title: 'STARTS', isNumber: true, cell: ({ pool }) => pool.starts },
  { title: 'FAILED', isNumber: true, cell: ({ pool }) => pool.failedStarts },
  { title: 'RESTARTS', isNumber: true, isOptional: true, cell: ({ pool }) => pool.restarts },
  { title: 'DIED', isNumber: true, isOptional: true, cell: ({ deaths }) => deaths?.total },
  { title: 'CIRCUIT', isNumber: false, isOptional: true, cell: ({ pool }) => pool.circuit },
];

/**
 * The picture that `gangway top` draws: two lines about the bridge, an empty one, and a row for each server.
 *
 * @param width of the terminal, in characters; columns that matter less go when it is narrow. Infinity cuts nothing
 */
export function topLines(status: BridgeStatus, width: number): string[] {
  const servers = Object.entries(status.servers);
  const names = ['SERVER', ...servers.map(([name]) => printable(name))];
  const known = columns.filter(({ isOptional, cell }) => {
    return !isOptional || servers.some(([, server]) => cell(server) !== undefined);
  });
  const all = [
    { title: 'SERVER', cells: padded(names, false) },
    ...known.map(({ title, isNumber, cell }) => {
      const cells = servers.map(([, server]) => printable(String(cell(server) ?? none)));
      return { title, cells: padded([title, ...cells], isNumber) };
    }),
  ];
  const kept = narrowed(all, width);
  const errors = ['LAST ERROR', ...servers.map(([, server]) => printable(lastWord(server)))];
  const rows = errors.map((error, row) => {
    const text = kept.map(({ cells }) => cells[row] ?? '').join(gap);
    const room = width - text.length - gap.length;
    return room < leastErrorWidth ? text : `${text}${gap}${cut(error, room)}`;
  });
  return [describeBridge(status), describeLoad(status), '', ...rows].map((line) => cut(line.trimEnd(), width));
}

function describeBridge({ version, uptimeSeconds, engine, notReady, config }: BridgeStatus): string {
  return joined([
    part('Gangway', version),
    part('up', uptimeSeconds, describeTime),
    engine.kind === undefined ? part('engine:', engine.missing) : `${engine.kind} ${engine.version ?? ''}`.trimEnd(),
    notReady ?? 'ready',
    part('the file is not valid and was not taken, see', config.lastError, () => '/status'),
  ]);
}

function describeLoad({
  sessions,
  callsInFlight,
  containers,
  leaked,
  retiring,
  memoryBytes,
  load,
}: BridgeStatus): string {
  return joined([
    part('sessions', sessions),
    part('calls', callsInFlight),
    part('containers', containers),
    part('leaked', leaked?.length),
    part('former configurations', retiring?.length === 0 ? undefined : retiring?.length),
    part('memory', memoryBytes, (bytes) => `${Math.round(bytes / 1024 ** 2)} MB`),
    part('loop delay', load.loopDelayMs, (ms) => `${ms} ms`),
    part('overloaded, new refused:', load.isRefusing === 'nothing' ? undefined : load.isRefusing),
  ]);
}

function joined(parts: readonly (string | undefined)[]): string {
  return printable(parts.filter((text) => text !== undefined).join(' · '));
}

function part<T extends string | number>(
  name: string,
  value: T | undefined,
  describe: (value: T) => string = String,
): string | undefined {
  return value === undefined ? undefined : `${name} ${describe(value)}`;
}

function describeTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function lastWord({ disabled, pool }: ServerStatus): string {
  return disabled === undefined ? (pool.lastError ?? '') : `off: ${disabled}`;
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0);
}

function padded(cells: readonly string[], isNumber: boolean): string[] {
  const width = Math.max(...cells.map((cell) => cell.length));
  return cells.map((cell) => (isNumber ? cell.padStart(width) : cell.padEnd(width)));
}

interface Laid {
  readonly title: string;
  readonly cells: readonly string[];
}

/** Without as many of the dispensable columns as it takes to fit. */
function narrowed(all: readonly Laid[], width: number): readonly Laid[] {
  let kept = all;
  for (const title of dispensable) {
    const taken = kept.reduce((total, { cells }) => total + (cells[0]?.length ?? 0) + gap.length, 0);
    if (taken + wantedErrorWidth <= width) break;
    kept = kept.filter((column) => column.title !== title);
  }
  return kept;
}

function cut(text: string, width: number): string {
  const line = text.replaceAll('\n', ' ');
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line;
}
