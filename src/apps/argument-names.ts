/** Names for the arguments of one tool: each its own, of characters that every client takes. */
export class ArgumentNames {
  readonly #taken = new Set<string>();

  /** @param place told apart by it: `id` of the query is `query_id` when the path has an `id` */
  give(name: string, place: string): string {
    const plain = plainName(name);
    const candidates = [plain, plainName(`${place}_${name}`)];
    for (let n = 2; ; n++) {
      const free = candidates.find((candidate) => !this.#taken.has(candidate));
      if (free !== undefined) {
        this.#taken.add(free);
        return free;
      }
      candidates.push(`${plain.slice(0, 58)}_${n}`);
    }
  }
}

/** Some clients refuse a tool with a property of another name: `filter[status]` becomes `filter_status`. */
function plainName(name: string): string {
  const plain = name
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^_+(?=.)|_+$/g, '')
    .slice(0, 64);
  return plain === '' ? 'value' : plain;
}
