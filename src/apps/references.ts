import { DescriptionFault } from './fault.ts';
import { isObject, type Json } from './json.ts';

/** More links in a row are a circle. */
const maxLinks = 50;

/** A document in which parts stand for each other. Nothing outside it is ever read. */
export class References {
  readonly root: Json;

  constructor(root: Json) {
    this.root = root;
  }

  /**
   * What a part is: itself, or what its `$ref` leads to.
   *
   * @param place where it stands, for errors
   * @throws {DescriptionFault} for a reference to nothing, to another document, or in a circle
   */
  follow(part: unknown, place: string): unknown {
    let found = part;
    for (let links = 0; isObject(found) && typeof found['$ref'] === 'string'; links++) {
      if (links === maxLinks) throw new DescriptionFault(place, `"$ref" goes in a circle`);
      found = this.find(found['$ref'], place);
    }
    return found;
  }

  /** The same for a part that has to be a mapping. */
  object(part: unknown, place: string): Json {
    const found = this.follow(part, place);
    if (!isObject(found)) throw new DescriptionFault(place, 'wanted a mapping');
    return found;
  }

  /** @see RFC 6901, 6 */
  find(reference: string, place: string): unknown {
    if (!reference.startsWith('#')) {
      throw new DescriptionFault(place, `"$ref" leads to "${short(reference)}", wanted a part of the same document`);
    }
    const steps = reference.slice(1).split('/');
    let found: unknown = steps[0] === '' ? this.root : undefined;
    for (const step of steps.slice(1)) found = member(found, decode(step));
    if (found === undefined)
      throw new DescriptionFault(place, `"$ref" leads to "${short(reference)}", which is not there`);
    return found;
  }
}

function member(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^\d+$/.test(name) ? (value[Number(name)] as unknown) : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function decode(step: string): string {
  let text = step;
  try {
    text = decodeURIComponent(step);
  } catch {
    // Not encoded: it is as it stands.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

function short(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
