import { isPlaceholder } from '../secret-values.ts';

/** A variable that the bridge needs in its environment. */
export interface Variable {
  readonly name: string;
  /** Undefined when it has to be found elsewhere: the file has a placeholder, or its client asks for it. */
  readonly value: string | undefined;
  /** What it is for, in a few words. */
  readonly about: string;
}

/** The values that are not written into `servers.yaml`, by the names under which it refers to them. */
export class Variables {
  readonly #byName: Map<string, Variable>;

  /** @param known those that are there already */
  constructor(known: readonly Variable[] = []) {
    this.#byName = new Map(known.map((variable) => [variable.name, variable]));
  }

  get all(): readonly Variable[] {
    return [...this.#byName.values()];
  }

  /** A variable that the settings name themselves: the value is where its client has it from. */
  refer(name: string, server: string): void {
    if (!this.#byName.has(name)) this.#byName.set(name, { name, value: undefined, about: server });
  }

  /**
   * @param wanted the name it should have; another server may have given that name to another value
   * @returns the name it has
   */
  add(wanted: string, value: string | undefined, server: string, about = server): string {
    const known = value === undefined || isPlaceholder(value) ? undefined : value;
    const candidates = [variableName(wanted), variableName(`${server}_${wanted}`)];
    for (let number = 2; ; number += 1) {
      const name = candidates.shift() ?? variableName(`${server}_${wanted}_${number}`);
      const there = this.#byName.get(name);
      if (there && there.value !== known) continue;
      this.#byName.set(name, there ?? { name, value: known, about });
      return name;
    }
  }
}

/** Another text as the name of a variable: `brave-search key` → `BRAVE_SEARCH_KEY`. */
function variableName(text: string): string {
  const name = text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
  return /^\d/.test(name) ? `_${name}` : name;
}

/** Lines that a shell takes in with `set -a; . FILE`. */
export function environmentText(variables: readonly Variable[]): string {
  return variables.map(({ name, value, about }) => `# ${about}\n${name}=${quoted(value ?? '')}\n`).join('');
}

function quoted(value: string): string {
  return /^[A-Za-z0-9_./:@%+,=-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
