/** How one text becomes another, line by line: " " stays, "-" goes, "+" comes; far from a change, lines are left out. */
export function lineDiff(before: string, after: string): string[] {
  const [old, young] = [linesOf(before), linesOf(after)];
  const head = alike(old, young);
  const tail = alike(old.slice(head).reverse(), young.slice(head).reverse());
  const lines = [
    ...kept(old.slice(0, head)),
    ...marked(old.slice(head, old.length - tail), young.slice(head, young.length - tail)),
    ...kept(old.slice(old.length - tail)),
  ];
  const isNear = (index: number): boolean =>
    lines.slice(Math.max(0, index - 2), index + 3).some((line) => !line.startsWith(' '));
  return lines.filter((_, index) => isNear(index));
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/** With how many lines both begin. */
function alike(old: readonly string[], young: readonly string[]): number {
  const first = old.findIndex((line, i) => line !== young[i]);
  return first === -1 ? old.length : first;
}

function kept(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function marked(old: readonly string[], young: readonly string[]): string[] {
  const common = longestCommon(old, young);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < young.length) {
    const step = nextStep(old.slice(i), young.slice(j), common(i + 1, j) >= common(i, j + 1));
    lines.push(`${step} ${(step === '+' ? young[j] : old[i]) ?? ''}`);
    if (step !== '+') i += 1;
    if (step !== '-') j += 1;
  }
  return lines;
}

function nextStep([old]: readonly string[], [young]: readonly string[], isBetterGone: boolean): ' ' | '-' | '+' {
  if (old === undefined) return '+';
  if (young === undefined) return '-';
  if (old === young) return ' ';
  return isBetterGone ? '-' : '+';
}

/** How many lines the rests from `old[i]` and `young[j]` have in common, in order. */
function longestCommon(old: readonly string[], young: readonly string[]): (i: number, j: number) => number {
  const lengths = Array.from({ length: old.length + 2 }, () => new Uint32Array(young.length + 2));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = young.length - 1; j >= 0; j -= 1) {
      const length = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
      lengths[i]?.fill(length, j, j + 1);
    }
  }
  return at;
}
