// `npm start`: installs and builds if needed, then serves servers.yaml. What follows `--` goes to `gangway`:
// `npm start -- check`, `npm start -- --port 9000`.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
const given = process.argv.slice(2);
const isServe = given.length === 0 || given[0].startsWith('-') || given[0] === 'serve';
process.argv = [process.argv[0], 'gangway', ...given, ...(isServe ? ['--examples-without-engine'] : [])];
await import(pathToFileURL(path.join(root, 'dist/main.js')).href);
