// A report for people, as Markdown.
import { rules } from './checker.mjs';
import { answersAfterKills, counts, growth, recoveries, spread } from './figures.mjs';

/**
 * @param {import('./history.mjs').History} history
 * @param {{ rule: string, what: string }[]} violations
 */
export function report(history, violations) {
  const { run, calls, faults, samples } = history;
  return [
    `## ${run.engine}: ${violations.length === 0 ? 'no violation' : `${violations.length} VIOLATIONS`}`,
    `${run.clients} clients for ${run.seconds} s, seed ${run.seed}; Gangway ${run.version}, ${run.engineVersion}, Node ${run.node}, ${run.cores} shared cores, ${run.startedOn}.`,
    ...(violations.length === 0 ? [] : [violated(violations)]),
    `### Calls\n\n${calls.length} calls in ${new Set(calls.map(({ session }) => session)).size} sessions.`,
    table(['how it ended', 'own container', 'shared'], outcomes(calls)),
    `### Faults\n\n${faults.length} faults; the longest time without one was ${seconds(longestRest(history))}.`,
    table(['fault', 'times'], counts(faults.map(({ kind }) => kind))),
    '### Times',
    table(['what', 'count', 'median', 'p99', 'longest'], times(history)),
    '### The bridge',
    `${samples.length} samples of status and engine, ${samples.filter(({ listed }) => !listed).length} of them without an answer of the engine; at most ${most(samples)} containers. ${shortness(samples)} ${usage(history)}`,
  ].join('\n\n');
}

/** What was checked. */
export function rulesTable() {
  return table(
    ['rule', 'what must hold'],
    Object.entries(rules).map(([name, text]) => [`\`${name}\``, text]),
  );
}

/** @param {{ rule: string, what: string }[]} violations */
function violated(violations) {
  const shown = violations.slice(0, 40).map(({ rule, what }) => `- \`${rule}\`: ${what}`);
  const rest = counts(violations.map(({ rule }) => rule)).map(([rule, count]) => `${rule} ${count}`);
  return `### Violations: ${rest.join(', ')}\n\n${shown.join('\n')}`;
}

function outcomes(calls) {
  const nameOf = ({ outcome, tool, answers, reason }) => {
    const why = answers[0]?.reason ?? reason;
    const what = outcome === 'answered' && tool === 'initialize' ? 'answered (initialize)' : outcome;
    return why === undefined ? what : `${what}: ${why}`;
  };
  const count = (server) => new Map(counts(calls.filter((call) => call.server === server).map(nameOf)));
  const [own, common] = [count('own'), count('common')];
  return counts(calls.map(nameOf)).map(([name]) => [name, own.get(name) ?? 0, common.get(name) ?? 0]);
}

function times(history) {
  const { calls, lives } = history;
  const took = (server, tools) =>
    calls
      .filter(
        (call) =>
          call.server === server &&
          tools.includes(call.tool) &&
          call.outcome === 'answered' &&
          call.leftAt === undefined,
      )
      .map(({ askedAt, answers }) => answers[0].at - askedAt);
  const downs = recoveries(history);
  const ofKind = (kind, key) =>
    downs.filter((down) => down.kind === kind && Number.isFinite(down[key])).map((down) => down[key]);
  const kinds = [...new Set(downs.map(({ kind }) => kind))];
  return [
    ['`initialize`, own container', took('own', ['initialize'])],
    ['`initialize`, shared', took('common', ['initialize'])],
    ['`echo`, own container', took('own', ['echo'])],
    ['`echo`, shared', took('common', ['echo'])],
    ...answersAfterKills(history).map(([kind, all]) => [`pending calls answered after: ${kind}`, all]),
    [
      'exit after SIGTERM',
      lives
        .filter(({ signal, exitedAt }) => signal === 'SIGTERM' && exitedAt)
        .map(({ exitedAt, signalledAt }) => exitedAt - signalledAt),
    ],
    ...kinds.flatMap((kind) => [
      [`${kind}: until it is ready again`, ofKind(kind, 'downMs')],
      [`${kind}: from then to the first answer, own container`, ofKind(kind, 'own')],
      [`${kind}: from then to the first answer, shared`, ofKind(kind, 'common')],
    ]),
  ].flatMap(([what, all]) => {
    const figures = spread(all);
    return figures ? [[what, figures.count, ms(figures.p50), ms(figures.p99), ms(figures.max)]] : [];
  });
}

/** How often the bridge itself, or rather the machine, was too busy. */
function shortness(samples) {
  const all = samples.flatMap(({ after }) => (after ? [after] : []));
  const refusing = all.filter(({ isRefusing }) => isRefusing !== 'nothing').length;
  return `Its event loop was ${Math.max(...all.map(({ loopDelayMs }) => loopDelayMs))} ms late at the most; in ${refusing} samples it refused what is new for that.`;
}

function usage(history) {
  const { end, samples } = history;
  const peak = `At most ${mebibytes(Math.max(...samples.map(({ rss }) => rss)))} of memory and ${Math.max(...samples.map(({ fds }) => fds))} descriptors`;
  const rest = end
    ? `; at rest ${mebibytes(end.restBefore.rss)} and ${end.restBefore.fds} before the first client, ${mebibytes(end.restAfter.rss)} and ${end.restAfter.fds} after the last one`
    : '';
  const lines = growth(history);
  const perHour = (slope) => slope * 3_600_000;
  const slope = lines
    ? `Over the last ${seconds(lines.ms)} under load, in one life: ${(perHour(lines.rss.slope) / 2 ** 20).toFixed(1)} MiB and ${perHour(lines.fds.slope).toFixed(1)} descriptors per hour.`
    : 'The last life was too short for a slope.';
  return `${peak}${rest}. ${slope}`;
}

function most(samples) {
  return Math.max(...samples.map(({ listed }) => listed?.length ?? 0));
}

function longestRest({ faults, chaosFrom, chaosUntil }) {
  const at = [chaosFrom, ...faults.map((fault) => fault.at).sort((a, b) => a - b), chaosUntil];
  return Math.max(...at.slice(1).map((each, i) => each - at[i]));
}

/** @param {string[]} head @param {(string | number)[][]} rows */
function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function ms(count) {
  return count < 100 ? `${count.toFixed(1)} ms` : `${Math.round(count)} ms`;
}

function seconds(count) {
  return `${(count / 1000).toFixed(0)} s`;
}

function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
