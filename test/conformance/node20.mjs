// For `node --import`: lets the suite start on Node 20. It imports `globSync`, which came with Node 22, for a command
// that is not used here.
import fs from 'node:fs';
import { register } from 'node:module';

if (!('globSync' in fs)) register('./node20-hooks.mjs', import.meta.url);
