// docs/benchmarks.svg: CPU per call over the ideal relay, one row for each load, legible on light and dark ground.
import { cpuRatio } from './call-table.mjs';

const width = 860;
const left = 110;
const right = 24;
const top = 46;
const rowHeight = 34;
const marks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];
const series = [
  { target: 'gangway', className: 'a' },
  { target: 'gangway-shared', className: 'd' },
  { target: 'supergateway', className: 'b' },
  { target: 'mcp-proxy', className: 'c' },
];

/** @param {readonly import('./calls-section.mjs').Measured[]} calls @returns {string} SVG */
export function plot(calls) {
  const rows = calls.filter((measured) => cpuRatio(measured, 'gangway', 'ideal') !== undefined);
  const bottom = top + rows.length * rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 40}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">
<title>CPU per call over the ideal relay</title>
<style>
  text { fill: #57606a } .title { fill: #24292f; font-weight: 600 } .grid { stroke: #d0d7de } .one { stroke: #57606a }
  .a { stroke: #0969da; fill: #0969da } .b { stroke: #bf8700; fill: #bf8700 } .c { stroke: #8250df; fill: #8250df } .d { stroke: #1a7f37; fill: #1a7f37 }
  text.a, text.b, text.c, text.d { stroke: none } line { stroke-width: 1.4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } .one { stroke: #9198a1 }
    .a { stroke: #4493f8; fill: #4493f8 } .b { stroke: #d29922; fill: #d29922 } .c { stroke: #ab7df8; fill: #ab7df8 } .d { stroke: #3fb950; fill: #3fb950 }
  }
</style>
<text class="title" x="8" y="18">CPU per call over the ideal relay: median and quartiles of the rounds; less is better</text>
${legend()}
${marks.map((value) => mark(value, bottom)).join('\n')}
${rows.map((measured, i) => row(measured, top + (i + 0.5) * rowHeight)).join('\n')}
</svg>
`;
}

function legend() {
  return series
    .map(({ target, className }, i) => `<text class="${className}" x="${left + i * 130}" y="38">● ${target}</text>`)
    .join('\n');
}

function mark(value, bottom) {
  const line = `<line class="${value === 1 ? 'one' : 'grid'}" x1="${x(value)}" x2="${x(value)}" y1="${top}" y2="${bottom}"/>`;
  return `${line}<text x="${x(value)}" y="${bottom + 18}" text-anchor="middle">${value}×</text>`;
}

function row(measured, y) {
  const drawn = series.flatMap(({ target, className }, i) => {
    const ratio = cpuRatio(measured, target, 'ideal');
    if (!ratio) return [];
    // Those that are close to each other can both be seen.
    const at = y + (i - (series.length - 1) / 2) * 5;
    const range = `<line class="${className}" x1="${x(ratio.low)}" x2="${x(ratio.high)}" y1="${at}" y2="${at}"/>`;
    return [`${range}<circle class="${className}" cx="${x(ratio.median)}" cy="${at}" r="4"/>`];
  });
  return `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${measured.name}</text>${drawn.join('')}`;
}

/** A place on a logarithmic axis. */
function x(value) {
  const share = Math.log(value / marks[0]) / Math.log(marks.at(-1) / marks[0]);
  return (left + Math.min(1, Math.max(0, share)) * (width - left - right)).toFixed(1);
}
