import { homedir } from 'node:os';
import path from 'node:path';
import { literal } from '../../config/interpolate.ts';
import type { ClientServer } from './client-file.ts';
import { LeftOut } from './imported.ts';
import type { Variables } from './variables.ts';

/**
 * A text of a client's settings as `servers.yaml` has to say it: `${env:NAME}` and `${input:ID}` become `${NAME}`, folders
 * that the client knows are written out, and what is no reference stays what it is.
 *
 * @param isOptional where a variable that is not set would make the whole file invalid: it counts as empty there
 * @param wanted what an `${input:ID}` is called, when it is the whole text
 * @throws {LeftOut} for what only that client can fill in
 */
export function translate(
  text: string,
  server: ClientServer,
  variables: Variables,
  { isOptional, wanted }: { isOptional: boolean; wanted?: string },
): string {
  const parts = text.split(/(\$\{[^}]*\})/);
  const isWhole = parts.length === 3 && parts[0] === '' && parts[2] === '';
  const name = isWhole ? wanted : undefined;
  return parts
    .map((part) => {
      const inside = /^\$\{([^}]*)\}$/.exec(part)?.[1];
      return inside === undefined ? literal(part) : reference(inside, server, variables, { isOptional, wanted: name });
    })
    .join('');
}

function reference(
  inside: string,
  server: ClientServer,
  variables: Variables,
  { isOptional, wanted }: { isOptional: boolean; wanted: string | undefined },
): string {
  const refer = (name: string): string => (isOptional ? `\${${name}:-}` : `\${${name}}`);
  const [kind = '', id = ''] = inside.split(/:(.*)/s);
  if (kind === 'input') {
    return refer(variables.add(wanted ?? id, undefined, server.name, server.inputs.get(id) ?? server.name));
  }
  const known = folderOf(inside, server);
  if (known !== undefined) return literal(known);
  const name = kind === 'env' ? id : inside;
  if (/^[A-Za-z_]\w*:-/.test(name)) return `\${${name}}`;
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new LeftOut(`only its client can fill in \${${inside}}`);
  variables.refer(name, server.name);
  return refer(name);
}

/** Whether a text of a client's settings refers to something. */
export function hasReference(text: string): boolean {
  return /\$\{[^}]*\}/.test(text);
}

/** What the editors' own variables stand for. */
function folderOf(name: string, { folder }: ClientServer): string | undefined {
  if (name === 'workspaceFolder' || name === 'cwd' || name === 'PWD') return folder;
  if (name === 'workspaceFolderBasename') return path.basename(folder);
  if (name === 'userHome') return homedir();
  return name === 'pathSeparator' || name === '/' ? path.sep : undefined;
}
