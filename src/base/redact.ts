const mask = '[redacted]';

/** Removes known secret values from text that people will read: stderr tails, error texts, log lines. */
export class Redactor {
  readonly #values: readonly string[];

  /** @param secrets exact values; those under 4 characters are left alone, since masking them would blank prose */
  constructor(secrets: Iterable<string>) {
    const forms = new Set<string>();
    for (const secret of secrets) {
      if (secret.length < 4) continue;
      forms.add(secret);
      forms.add(JSON.stringify(secret).slice(1, -1));
      forms.add(encodeURIComponent(secret));
      forms.add(Buffer.from(secret).toString('base64'));
    }
    // Longest first, so that a secret inside another leaves no remains.
    this.#values = [...forms].sort((a, b) => b.length - a.length);
  }

  redact(text: string): string {
    let clean = text;
    for (const value of this.#values) clean = clean.replaceAll(value, mask);
    return clean;
  }
}
