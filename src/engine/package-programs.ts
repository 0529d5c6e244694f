/**
 * Programs that run in the folder of a package that was just installed, in an image or on this host, and link `entry` to
 * what it is started with: the program that `wanted.json` names, the only one that it has, or the one with its own name. They
 * say "gangway-package: has …" when there is none of these.
 */
export const chooseNpmProgram = `import { readFileSync, symlinkSync } from 'node:fs';

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const { name, bin: wanted } = read('wanted.json');
const { bin = {} } = read(\`node_modules/\${name}/package.json\`);
const own = name.split('/').at(-1);
const programs = new Map(typeof bin === 'string' ? [[own, bin]] : Object.entries(bin));
const isOne = new Set(programs.values()).size === 1;
const chosen = wanted ?? (programs.has(own) || !isOne ? own : [...programs.keys()][0]);
if (!programs.has(chosen)) {
  const names = [...programs.keys()].join(', ');
  const what = names === '' ? 'no program to start' : \`no program "\${chosen}", wanted bin to be one of: \${names}\`;
  console.error(\`gangway-package: has \${what}\`);
  process.exit(1);
}
symlinkSync(\`node_modules/.bin/\${chosen}\`, 'entry');
`;

/** The same for Python: its console scripts. */
export const choosePythonProgram = `import json
import os
import re
import sys
from importlib.metadata import distribution

with open('wanted.json') as file:
    wanted = json.load(file)


def plain(name):
    return re.sub(r'[-_.]+', '-', name).lower()


entries = distribution(wanted['name']).entry_points
programs = sorted({entry.name for entry in entries if entry.group == 'console_scripts'})
own = [name for name in programs if plain(name) == plain(wanted['name'])]
chosen = wanted.get('bin') or (programs if len(programs) == 1 else own or [wanted['name']])[0]
if chosen not in programs:
    names = ', '.join(programs)
    what = 'no program "%s", wanted bin to be one of: %s' % (chosen, names) if programs else 'no program to start'
    sys.exit('gangway-package: has ' + what)
os.symlink('venv/bin/' + chosen, 'entry')
`;
