/** The same seed gives the same choices (mulberry32). */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  /** @param {number} from @param {number} to @returns {number} a number between */
  between(from, to) {
    return from + (to - from) * this.next();
  }

  /** @param {number} from @param {number} to @returns {number} a whole number, both ends included */
  whole(from, to) {
    return Math.floor(this.between(from, to + 1));
  }

  /** @param {number} probability */
  chance(probability) {
    return this.next() < probability;
  }

  /** @template T @param {readonly T[]} all @returns {T | undefined} one of them; undefined when there is none */
  one(all) {
    return all[Math.floor(this.next() * all.length)];
  }

  /** @template {{ weight: number }} T @param {readonly T[]} all @returns {T} one of them, the heavy ones more often */
  weighted(all) {
    let left = this.next() * all.reduce((sum, { weight }) => sum + weight, 0);
    return all.find(({ weight }) => (left -= weight) < 0) ?? all[0];
  }

  /** Another source, whose choices depend on nothing but this one's so far. */
  fork() {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
