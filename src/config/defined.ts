/** The entries that have a value: spreading an `undefined` would hide the default below it. */
export function defined<T extends object>(entries: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(entries ?? {}).filter(([, value]) => value !== undefined)) as never;
}
