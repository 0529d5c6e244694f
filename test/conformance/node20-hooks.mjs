const source = `export * from 'node:fs'; export { default } from 'node:fs'; export const globSync = undefined;`;
const url = `data:text/javascript,${encodeURIComponent(source)}`;

/** Gives `fs` the export that Node 20 lacks. */
export function resolve(specifier, context, next) {
  return specifier === 'fs' ? { url, shortCircuit: true } : next(specifier, context);
}
