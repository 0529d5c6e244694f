import { distance } from 'fastest-levenshtein';

/** Which of the known words somebody most likely meant; undefined when none is near. */
export function closestTo(word: string, known: readonly string[]): string | undefined {
  const [nearest] = [...known].sort((a, b) => distance(word, a) - distance(word, b));
  const isNear = nearest !== undefined && distance(word, nearest) <= Math.max(2, Math.floor(word.length / 3));
  return isNear ? nearest : undefined;
}
