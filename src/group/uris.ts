import type { Offer } from './offers.ts';

/** URIs are shown as their servers wrote them; of two servers with the same one, the second one's gets this before it. */
const scheme = 'gangway://';

/** A URI that another server has, too. */
export function markedUri(server: string, uri: string): string {
  return `${scheme}${server}/${uri}`;
}

/** The other way round; undefined for one that is not marked. */
export function readMarkedUri(uri: string): { readonly server: string; readonly uri: string } | undefined {
  if (!uri.startsWith(scheme)) return undefined;
  const end = uri.indexOf('/', scheme.length);
  return end === -1 ? undefined : { server: uri.slice(scheme.length, end), uri: uri.slice(end + 1) };
}

/**
 * How well a template fits a URI: the number of characters that are the same before its first variable, or undefined
 * when it does not. What the variables may be is its server's to say.
 *
 * @see RFC 6570
 */
export function templateFit({ key: template }: Offer, uri: string): number | undefined {
  const start = template.indexOf('{');
  const fixed = start === -1 ? template : template.slice(0, start);
  const fits = start === -1 ? uri === fixed : uri.startsWith(fixed);
  return fits ? fixed.length : undefined;
}
