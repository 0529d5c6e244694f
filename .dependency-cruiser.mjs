/** Ground floor first: a folder may import only from folders before it. */
const floors = [
  'base',
  'config',
  'jsonrpc',
  'engine',
  'launcher',
  'upstream',
  'pool',
  'relay',
  'apps',
  'remote',
  'group',
  'legacy',
  'modern',
  'rest',
  'http',
  'service',
  'cli',
];
const upward = floors.map((floor, i) => ({
  name: `${floor}-imports-upward`,
  severity: 'error',
  from: { path: `^src/${floor}/` },
  to: { path: `^src/(${[...floors.slice(i + 1), '[^/]+[.]ts$'].join('|')})` },
}));
/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: 'src/main[.]ts$' }, to: {} },
    { name: 'no-dev-dependencies', severity: 'error', from: { path: '^src' }, to: { dependencyTypes: ['npm-dev'] } },
    ...upward,
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
