import { DescriptionFault } from './fault.ts';
import { isObject, textsOf, type Json } from './json.ts';
import type { References } from './references.ts';

/** An operation as its document has it. */
export interface DocumentOperation {
  /** The operationId, or a name made from method and path. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly tags: readonly string[];
  /** Such as `paths./pets.get`. */
  readonly place: string;
  readonly content: Json;
  /** References followed; those of the path that the operation does not have itself come first. */
  readonly parameters: readonly { readonly place: string; readonly content: Json }[];
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

/**
 * All operations, in the order of the document.
 *
 * @throws {DescriptionFault} when two have the same id, and for what cannot be read
 */
export function operationsOf(references: References): DocumentOperation[] {
  const { paths = {} } = references.root;
  if (!isObject(paths)) throw new DescriptionFault('paths', 'wanted a mapping');
  const found = Object.entries(paths).flatMap(([path, item]) => operationsAt(path, item, references));
  refuseTwins(found);
  return found;
}

function operationsAt(path: string, item: unknown, references: References): DocumentOperation[] {
  const place = `paths.${path}`;
  // An extension, whatever it is.
  if (!path.startsWith('/')) return [];
  const content = references.object(item, place);
  return methods.flatMap((method) => {
    const operation = content[method];
    if (operation === undefined) return [];
    const below = `${place}.${method}`;
    return [operationOf(method, path, references.object(operation, below), content, below, references)];
  });
}

function operationOf(
  method: string,
  path: string,
  content: Json,
  item: Json,
  place: string,
  references: References,
): DocumentOperation {
  const { operationId } = content;
  const id = typeof operationId === 'string' && operationId !== '' ? operationId : nameFor(method, path);
  const parameters = [
    ...parametersIn(item['parameters'], `paths.${path}.parameters`, references),
    ...parametersIn(content['parameters'], `${place}.parameters`, references),
  ];
  // The operation's own wins over the path's.
  const byName = new Map(parameters.map((each) => [JSON.stringify([each.content['in'], each.content['name']]), each]));
  return {
    ...{ id, method: method.toUpperCase(), path, place, content },
    ...{ tags: textsOf(content['tags']), parameters: [...byName.values()] },
  };
}

function parametersIn(value: unknown, place: string, references: References): DocumentOperation['parameters'] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new DescriptionFault(place, 'wanted a list');
  return value.map((each: unknown, i) => {
    const below = `${place}.${i}`;
    return { place: below, content: references.object(each, below) };
  });
}

/** `GET /pets/{petId}` is `get_pets_petId`. */
function nameFor(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return [method, ...words].join('_');
}

function refuseTwins(operations: readonly DocumentOperation[]): void {
  const first = new Map<string, DocumentOperation>();
  for (const operation of operations) {
    const twin = first.get(operation.id);
    if (twin)
      throw new DescriptionFault(operation.place, `its operationId "${operation.id}" is that of ${twin.place} too`);
    first.set(operation.id, operation);
  }
}
