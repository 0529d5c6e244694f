// The plot of docs/scaling.svg: three panels over one time axis, legible on light and dark ground.

/** @typedef {{ at: number, load: number, inPool: number, target: number, ready: number, p50?: number, p99?: number }} Row */

const width = 860;
const left = 56;
const right = 16;
const panelHeight = 150;
const gap = 44;
const top = 34;

/** @param {Row[]} rows @param {{ max: number, target: number }} pool @returns {string} SVG */
export function plot(rows, pool) {
  const endMs = rows.at(-1).at;
  const x = (ms) => left + (ms / endMs) * (width - left - right);
  const most = (of) => Math.max(...rows.map(of));
  const panels = [
    {
      title: 'calls at once',
      most: roundUp(most(({ load, inPool }) => Math.max(load, inPool))),
      lines: [
        { name: 'in the pool', className: 'b', points: rows.map(({ at, inPool }) => [at, inPool]) },
        { name: 'offered', className: 'a', points: rows.map(({ at, load }) => [at, load]) },
      ],
    },
    {
      title: `containers (max ${pool.max}, target ${pool.target} calls each)`,
      most: pool.max,
      lines: [
        { name: 'target', className: 'b', points: steps(rows.map(({ at, target }) => [at, target])) },
        { name: 'serving', className: 'a', points: steps(rows.map(({ at, ready }) => [at, ready])) },
      ],
    },
    {
      title: 'latency, ms',
      most: roundUp(most(({ p99 = 0 }) => p99)),
      lines: [
        {
          name: 'p99',
          className: 'b',
          points: rows.filter(({ p99 }) => p99 !== undefined).map(({ at, p99 }) => [at, p99]),
        },
        {
          name: 'median',
          className: 'a',
          points: rows.filter(({ p50 }) => p50 !== undefined).map(({ at, p50 }) => [at, p50]),
        },
      ],
    },
  ];
  const height = top + panels.length * (panelHeight + gap) - gap + 40;
  const bottom = top + panels.length * (panelHeight + gap) - gap;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">
<title>Load, containers and latency over time</title>
<style>
  text { fill: #57606a } .title { fill: #24292f; font-weight: 600 } .grid { stroke: #d0d7de }
  path { fill: none; stroke-width: 1.6; stroke-linejoin: round } .a { stroke: #0969da } .b { stroke: #bf8700 }
  text.a { fill: #0969da; stroke: none } text.b { fill: #9a6700; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d }
    .a { stroke: #4493f8 } .b { stroke: #d29922 } text.a { fill: #4493f8 } text.b { fill: #d29922 }
  }
</style>
${panels.map((panel, i) => drawPanel(panel, top + i * (panelHeight + gap), x)).join('\n')}
${timeAxis(endMs, x, bottom)}
</svg>
`;
}

function drawPanel({ title, most, lines }, from, x) {
  const y = (value) => (from + panelHeight * (1 - value / most)).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = share * most;
    const label = `<text x="${left - 8}" y="${Number(y(value)) + 4}" text-anchor="end">${Number(value.toFixed(1))}</text>`;
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}"/>${label}`;
  });
  const drawn = lines.map(
    ({ className, points }) =>
      `<path class="${className}" d="M${points.map(([ms, value]) => `${x(ms).toFixed(1)} ${y(value)}`).join('L')}"/>`,
  );
  const legend = lines.map(
    ({ name, className }, i) =>
      `<text class="${className}" x="${width - right - i * 70}" y="${from - 10}" text-anchor="end">${name}</text>`,
  );
  return [`<text class="title" x="${left}" y="${from - 10}">${title}</text>`, ...legend, ...grid, ...drawn].join('\n');
}

function timeAxis(endMs, x, bottom) {
  const marks = Array.from({ length: Math.floor(endMs / 10_000) + 1 }, (_, i) => i * 10_000);
  return marks
    .map((ms) => `<text x="${x(ms).toFixed(1)}" y="${bottom + 20}" text-anchor="middle">${ms / 1000} s</text>`)
    .join('\n');
}

/** A number holds until the next one. */
function steps(points) {
  return points.flatMap(([at, value], i) =>
    i === 0
      ? [[at, value]]
      : [
          [at, points[i - 1][1]],
          [at, value],
        ],
  );
}

/** The next number that people like on an axis. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 4, 5, 10].map((factor) => factor * unit).find((each) => each >= value) ?? value;
}
