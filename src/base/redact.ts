const mask = '[redacted]';

const isLong = (line: string): boolean => line.length >= 8;

/** Removes known secret values from text that people will read: stderr tails, error texts, log lines. */
export class Redactor {
  readonly #values: readonly string[];

  /** @param secrets exact values; those under 4 characters are left alone, since masking them would blank prose */
  constructor(secrets: Iterable<string>) {
    const forms = new Set<string>();
    // A key of several lines is masked line by line too: a log shows it that way.
    for (const secret of [...secrets].flatMap((value) => [value, ...value.split(/\r?\n/).filter(isLong)])) {
      if (secret.length < 4) continue;
      forms.add(secret);
      forms.add(JSON.stringify(secret).slice(1, -1));
      forms.add(encodeURIComponent(Buffer.from(secret).toString()));
      forms.add(Buffer.from(secret).toString('base64'));
    }
    // Longest first, so that a secret inside another leaves no remains.
    this.#values = [...forms].sort((a, b) => b.length - a.length);
  }

  /** Length of the longest text that is masked: how much of a cut text cannot be judged. */
  get longest(): number {
    return this.#values[0]?.length ?? 0;
  }

  redact(text: string): string {
    let clean = text;
    for (const value of this.#values) clean = clean.replaceAll(value, mask);
    return clean;
  }
}
