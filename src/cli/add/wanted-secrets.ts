import { isSecretName } from '../secret-values.ts';

/**
 * Which variables a server misses, by what it said before it ended.
 *
 * @param stderr its last lines
 * @param declared the variables that its image sets, with their values: an empty one waits to be set
 * @returns their names, the likeliest first
 */
export function wantedVariables(stderr: readonly string[], declared: ReadonlyMap<string, string>): string[] {
  const empty = [...declared].filter(([, value]) => value === '').map(([name]) => name);
  const complaints = stderr.filter((line, i) => complaint.test(line) || complaint.test(stderr[i + 1] ?? ''));
  const said = complaints.flatMap((line) => variablesIn(line, declared));
  const mentioned = empty.filter((name) => stderr.some((line) => line.includes(name)));
  const all = new Set([...said, ...mentioned]);
  // The same, from a file.
  return [...all].filter((name) => !(name.endsWith('_FILE') && all.has(name.slice(0, -5))));
}

/** How servers say that something was not given to them. */
const complaint =
  /required|missing|must\b|not (set|found|provided|defined|configured|given)|unset|undefined|please (set|provide)|needs?\b|expected|provide|KeyError|invalid|empty|no .*(key|token|secret|password)/i;

/** Names such as `BRAVE_API_KEY`; of words that a program says for other reasons, those that are secrets or declared. */
function variablesIn(line: string, declared: ReadonlyMap<string, string>): string[] {
  const shouted = line.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? [];
  const options = [...line.matchAll(/--([a-z][a-z0-9]*(?:-[a-z0-9]+)+)\b/g)].map(([, option = '']) =>
    variableOf(option),
  );
  // What pydantic prints above "Field required".
  const field = /^\s*([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\s*$/.exec(line)?.[1];
  const quiet = [...options, ...(field === undefined ? [] : [variableOf(field)])];
  return [
    ...shouted.filter((name) => !ofPrograms.test(name)),
    ...quiet.filter((name) => declared.has(name) || isSecretName(name)),
  ];
}

function variableOf(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** Error codes, and variables of the programs that servers run in. */
const ofPrograms =
  /^(ERR_|E_|NODE_|NPM_|PYTHON_|UV_|PIP_|SSL_|TLS_|LC_|XDG_|HTTP_|HTTPS_|NO_PROXY|MODULE_|UNHANDLED_|MAX_)|_(NOT_FOUND|ERROR|EXCEPTION|FAILED)$/;
