// Records docs/picture.svg from a real terminal: `npm start` in one pane of tmux, a client's commands in another.
// Needs tmux, curl and a container engine with the images of servers.yaml. Run by hand: node scripts/record-picture.mjs
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { root } from './prepare.mjs';

const columns = 118;
const socket = `gangway-picture-${process.pid}`;
const tmux = (...args) => execFileSync('tmux', ['-L', socket, ...args], { cwd: root, encoding: 'utf8' });

const accept = "-H 'accept: application/json, text/event-stream' -H 'content-type: application/json'";
const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}`;

tmux('new-session', '-d', '-x', String(columns), '-y', '23', '-s', 'serve', "env PS1='$ ' bash --norc");
tmux('new-session', '-d', '-x', String(columns), '-y', '20', '-s', 'client', "env PS1='$ ' bash --norc");
try {
  type('serve', 'clear; npm start --silent', /✓ .*is ready(?:[\s\S]*is ready){3}/, 120);
  type(
    'client',
    `clear; curl -sS -w '\\n' localhost:8808/memory/mcp ${accept} -d '${initialize}'`,
    /serverInfo[^$]*\$ $/,
    20,
  );
  type(
    'client',
    'npm start --silent -- call time relative_time \'{"time":"2027-01-01 00:00:00"}\'',
    /(month|days)[^$]*\$ $/,
    60,
  );
  type('client', 'npm start --silent -- ps', /process \d+[\s\S]*\$ $/, 60);
  const screens = ['serve', 'client'].map((name) => tmux('capture-pane', '-e', '-p', '-t', name).trimEnd());
  writeFileSync(new URL('../docs/picture.svg', import.meta.url), svg(screens));
} finally {
  tmux('kill-server');
}

/** Types a command and waits until the screen shows what is expected. */
function type(pane, command, expected, seconds) {
  tmux('send-keys', '-t', pane, '-l', command);
  tmux('send-keys', '-t', pane, 'Enter');
  const deadline = Date.now() + seconds * 1000;
  while (!expected.test(tmux('capture-pane', '-p', '-t', pane).trimEnd() + ' ')) {
    if (Date.now() > deadline) throw new Error(`Waited ${seconds} s for ${expected} after: ${command}`);
    execFileSync('sleep', ['0.3']);
  }
}

function svg(screens) {
  const line = 17;
  const width = columns * 7.85 + 40;
  let y = 0;
  const parts = screens.map((screen) => {
    const lines = screen.split('\n');
    const height = lines.length * line + 48;
    const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
      (c, i) => `<circle cx="${20 + i * 18}" cy="16" r="5.5" fill="${c}"/>`,
    );
    const rows = lines.map((text, i) => `<text x="18" y="${46 + i * line}" xml:space="preserve">${spans(text)}</text>`);
    const group = `<g transform="translate(0 ${y})"><rect width="${width}" height="${height}" rx="8" fill="#16181d"/>${dots.join('')}\n${rows.join('\n')}</g>`;
    y += height + 14;
    return group;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y - 14}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" fill="#d7dae0">\n${parts.join('\n')}\n</svg>\n`;
}

/** ANSI colours as spans: enough for what our commands print. */
function spans(text) {
  const colours = {
    31: '#ff6b6b',
    32: '#7ddf8a',
    33: '#f2c66d',
    34: '#79b8ff',
    35: '#d2a8ff',
    36: '#6fd3d8',
    90: '#7d8590',
  };
  let colour;
  return text
    .split(/\u001b\[([0-9;]*)m/)
    .map((part, i) => {
      if (i % 2 === 1) {
        colour = part
          .split(';')
          .map((code) => colours[code])
          .findLast(Boolean);
        return '';
      }
      const safe = part
        .replace(/&/g, '&amp;')
        .replace(/</g, '&lt;')
        .replace(/>/g, '&gt;')
        .replace(/^(\$ .*)/, '<tspan fill="#ffffff" font-weight="bold">$1</tspan>');
      return colour ? `<tspan fill="${colour}">${safe}</tspan>` : safe;
    })
    .join('');
}
