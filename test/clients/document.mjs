// docs/clients.md, of what a run found.
import { readFileSync } from 'node:fs';
import { format } from 'prettier';

export const columns = {
  connect: 'connect',
  list: 'list tools',
  call: 'call',
  progress: 'progress',
  big: '20 MB answer',
  errors: 'errors',
  reconnect: 'new session',
  leave: 'leaves',
};

const marks = { pass: '✓', fail: '✗', 'not offered': '–' };

/** The table alone, as cells. */
export function table(results) {
  const head = ['client', 'version', 'Node', 'revision', ...Object.values(columns)];
  const rows = results.map(({ title, package: name, version, needs, revision, found }) => [
    `${title}: \`${name}\``,
    version,
    `≥ ${needs}`,
    revision ?? '',
    ...Object.keys(columns).map((what) => cell(what, found[what])),
  ]);
  return [head, ...rows];
}

export async function document(results) {
  const [head, ...rows] = table(results);
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const text = `# Clients

<!-- Made by \`npm run clients\` (test/clients/run.mjs). Change it there, not here. -->

What each of these clients, as its package is on npm, can do through Gangway with a server that speaks stdio. The tests run them
all and compare with this page.

${lines.join('\n')}

✓ it works · – the client has no means for it, see below · ✗ it does not work, see below.

- **Node**: what the package asks for.
- **revision**: what the client and the server agree upon; the bridge passes it on. The server knows the revisions with sessions only.
- **progress**: all notifications of a call arrive, the last one included, which comes right before the answer.
- **20 MB answer**: a text of 20,000,000 bytes, characters of several bytes in it, compared by its hash.
- **errors**: a result with \`isError\` and a JSON-RPC error both reach the application with their words, and it can tell them apart.
- **new session**: the server's process ended in the middle of a call; how the client comes to a new one. With each of them that call
  fails at once, and waits for no time limit.
- **leaves**: closing the client ends its session, and with it the container. Otherwise both stay until \`pool.idleTimeout\`, or
  until another client waits for the container.

## Without a session

Some clients open with \`server/discover\` by default, or when told to, and go back to sessions where a server has
\`sharing: session\`, as those above. With \`sharing: shared\` they stay on 2026-07-28, whatever the server speaks:

${modernTable(results)}

- **questions**: the server asks the user in the middle of a call, and goes on with the answer.
- **gives up**: a call that its caller aborts ends at the server, too.
- **changes**: it hears that the list of tools is another one.

Below, NAME is the name of a server in \`servers.yaml\` that has a tool \`echo\`. The lines are those that the tests run.

${results.map(section).join('\n\n')}

## fastmcp

\`fastmcp\` for TypeScript has no client of its own: its documentation uses the TypeScript SDK, and what it puts between stdio and
HTTP is \`mcp-proxy\`, above.
`;
  return format(text, { parser: 'markdown', printWidth: 120, singleQuote: true });
}

const modernColumns = {
  call: 'call',
  progress: 'progress',
  elicitation: 'questions',
  cancel: 'gives up',
  listen: 'changes',
};
/** What a client of 2026-07-28 does not do, with what happens instead; modern.test.ts compares. */
const less = JSON.parse(readFileSync(new URL('modern/less.json', import.meta.url), 'utf8'));

function modernTable(results) {
  const rows = results
    .filter(({ name }) => less[name])
    .map(({ name, title }) => [title, ...Object.keys(modernColumns).map((what) => less[name][what] ?? marks.pass)]);
  const head = ['client', ...Object.values(modernColumns)];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const url = 'http://127.0.0.1:8808/NAME/mcp';

function cell(what, result) {
  if (!result) return '';
  if (what === 'reconnect' && result.mark === 'pass') return result.note.split(/[;,]/)[0];
  return marks[result.mark];
}

function section({ title, package: name, usage, found }) {
  const notes = Object.entries(columns)
    .filter(([what]) => found[what]?.note && found[what].note !== cell(what, found[what]))
    .map(([what, label]) => `- **${label}**: ${found[what].note}.`);
  return [`## ${title}`, usage, ...(notes.length > 0 ? [notes.join('\n')] : [])].join('\n\n');
}

/** What to write to use a client: what its module says, or the marked lines of its file, which are those that the checks run. */
export function usageOf(name) {
  const file = new URL(`./${name}.mjs`, import.meta.url);
  const source = readFileSync(file, 'utf8');
  const own = /^export const usage = (?:`([^]*?[^\\])`|'(.*)');/m.exec(source);
  if (own) return (own[1] ?? own[2]).replaceAll('\\`', '`');
  const other = /^export const snippetFile = '(.*)';/m.exec(source)?.[1];
  const parts = (other ? readFileSync(new URL(other, import.meta.url), 'utf8') : source)
    .split(/^ *\/\/ snippet\n/m)
    .slice(1);
  const [imports, ...rest] = parts.map((part) => dedent(part.split(/^ *\/\/ end$/m)[0]));
  return `\`\`\`js\n${imports}\nconst url = '${url}';\n\n${rest.join('')}\`\`\``;
}

function dedent(text) {
  const indent = /^ */.exec(text)[0];
  return text.replaceAll(new RegExp(`^${indent}`, 'gm'), '').replace(/^ +$/m, '');
}
