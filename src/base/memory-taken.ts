/** Memory that messages took outside of V8's heap, in bytes, since the start: it only grows. */
let taken = 0;

export function noteTaken(bytes: number): void {
  taken += bytes;
}

export function takenBytes(): number {
  return taken;
}
