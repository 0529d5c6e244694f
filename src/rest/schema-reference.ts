/** Of a reference, in characters. */
const maxLength = 1000;

/**
 * The schema that a `$ref` leads to. Only places in the same schema are looked up: nothing is fetched.
 *
 * @param root the whole schema
 * @param target such as `#/$defs/city`
 * @see RFC 6901, 6: a JSON Pointer as a fragment of a URI
 */
export function findSchema(root: unknown, target: unknown): unknown {
  if (typeof target !== 'string' || target.length > maxLength || !/^#(\/|$)/.test(target)) return undefined;
  let found = root;
  for (const step of target.split('/').slice(1)) {
    const key = decoded(step)?.replaceAll('~1', '/').replaceAll('~0', '~');
    if (key === undefined || typeof found !== 'object' || found === null || !Object.hasOwn(found, key))
      return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
