/** A module of bench/relay, which has no types: the caller says what it uses of it. */
export async function benchModule<T>(name: string): Promise<T> {
  return (await import(new URL(`../../bench/relay/${name}.mjs`, import.meta.url).href)) as T;
}
