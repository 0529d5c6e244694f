// docs/benchmarks.md
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { callTable } from './call-table.mjs';
import { wantedPeers } from './install.mjs';
import { summary, verdictOf } from './summary.mjs';
import { figure } from './text.mjs';

/**
 * @param {{ calls: import('./calls-section.mjs').Measured[], tables: import('./terminal.mjs').Table[], figures: object }} results
 * @param {{ tookS: number, loadBefore: number, pace: { rounds: number, sliceMs: number }, language: string, args: string[] }} run
 * @returns {Promise<string>} Markdown
 */
export async function page(results, { tookS, loadBefore, pace, language, args }) {
  const peers = Object.entries(wantedPeers()).map(([name, version]) => `${name} ${version}`);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const [{ model }] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  const text = `# Benchmarks

What a call through Gangway costs, beside the ideal relay, two other bridges and no bridge at all. Made by:

\`\`\`sh
npm run bench -- ${args.join(' ')}
\`\`\`

Gangway ${version}, ${peers.join(', ')}; Node ${process.versions.node}, Linux ${release().split('-')[0]}, ${cpus().length} cores (${model.trim()}), ${memory} GiB; ${tookS.toFixed(0)} s.
**Read ratios, not absolute figures**: client, bridge and servers share the cores, and ${loadSentence(loadBefore)}.
Differences under a tenth are noise; on a busy machine, two runs differ by up to a half. \`--quick\` takes a third of the time; \`--scenario NAME\` and \`--target NAME\` pick.

![CPU per call over the ideal relay](benchmarks.svg)

## What is asked, and what was found

The median of the ratios of single rounds, with the quartiles; ✗ where the floor is not reached.

${markdown(goalTable(summary(results)))}

## How it was measured

- All targets take turns in one run, in slices of ${pace.sliceMs} ms, ${pace.rounds} rounds, on the same server: an echo server in ${language}, so
  that the bridge is what is seen. Who comes first changes from round to round.
- **ideal** is a relay on \`node:http\` that starts a process for each session, matches ids and forwards bytes, and does nothing
  else: no check, no limit, no deadline, no log (\`bench/relay/ideal.mjs\`). **direct** is the client on the server’s own pipes.
- **gangway** runs as it does by default, with its guards, limits, deadlines and its log (a file); only its caps are raised to what
  the others allow. **supergateway** runs stateful, with \`--logLevel none\`; **mcp-proxy** with \`--server stream\`. It has one server
  process for all sessions, the others have one for each. **gangway-shared** has one, too (\`sharing: shared\`).
- A load is named sessions × calls in flight of each. The text of a call has 100 bytes unless it says otherwise.
- Every answer is checked: its id, the text that only this session sent, its length, its progress. ${faultSentence(results.calls)}
- CPU is that of the bridge’s process alone, all its threads, from the scheduler; so are its read and write calls, from the kernel.
- What needs a fresh bridge (memory, starts, peaks) gets one. A bridge is made large by answers that it keeps for clients that
  come back (\`replay\`); other bridges cannot be grown that way, so there is no such row for them.
- Not there yet: calls of the 2026-07-28 revision. \`node bench/modern.mjs\` compares them with calls in sessions.

## Calls

${results.calls.map((measured) => section(callTable(measured))).join('\n')}
${results.tables.length > 0 ? '## Sessions and memory\n\n' : ''}${results.tables.map(section).join('\n')}`;
  const file = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));
  return format(text, { ...(await resolveConfig(file)), parser: 'markdown' });
}

function goalTable(goals) {
  const rows = goals.map((goal) => {
    const { what, floor, aim, isMore, unit, found } = goal;
    const bound = (value) => `${isMore ? '≥' : '≤'} ${value}${unit}`;
    const range = found.count > 1 ? ` (${figure(found.low)} to ${figure(found.high)})` : '';
    const mark = verdictOf(goal) === 'missed' ? ' ✗' : '';
    return [what, bound(floor), bound(aim), `${figure(found.median)}${unit}${range}${mark}`];
  });
  return { columns: ['', 'floor', 'aim', 'found'], rows };
}

function loadSentence(load) {
  const others = load < 0.5 ? 'nothing else of weight was' : 'other work was';
  return `${others} on the machine when it began (load ${load.toFixed(1)})`;
}

function faultSentence(calls) {
  const faults = calls.flatMap(({ name, series }) =>
    [...series].flatMap(([target, { slices }]) => {
      const count = slices.reduce((sum, slice) => sum + slice.faults, 0);
      return count > 0 ? [`${count} of ${target} in ${name}`] : [];
    }),
  );
  const answers = faults.length === 0 ? 'None was wrong or lost' : `Wrong or lost: ${faults.join(', ')}`;
  const refused = calls.flatMap(({ name, series }) =>
    [...series].flatMap(([target, { refusal }]) =>
      refusal === undefined ? [] : [`${target} cannot do ${name} (${refusal})`],
    ),
  );
  return refused.length === 0 ? `${answers}.` : `${answers}; ${refused.join('; ')}.`;
}

function section({ title, columns, rows, notes = [] }) {
  const text = rows.length > 0 ? `\n${markdown({ columns, rows })}\n` : '';
  return `**${title}**\n${text}${notes.map((note) => `\n${note}\n`).join('')}`;
}

function markdown({ columns, rows }) {
  const filled = rows.map((cells) => columns.map((_, i) => cells[i] ?? ''));
  const rule = columns.map((_, i) => (i === 0 ? '---' : '---:'));
  return [columns, rule, ...filled].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
