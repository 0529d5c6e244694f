/** The same bytes in chunks. @param places where they are cut; those beyond the end do not count */
export function cutAt(whole: Buffer, places: readonly number[]): Buffer[] {
  const inside = places.filter((place) => place > 0 && place < whole.length);
  const edges = [...new Set([0, ...inside, whole.length])].sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => whole.subarray(edges[i], end));
}
