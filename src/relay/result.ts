import { memberTexts } from '../jsonrpc/raw-json.ts';

/** What a server answered: an object. It may be large, so no more of it is read than is asked for. */
export class Result {
  /** As it was written, on one line. */
  readonly text: string;
  #value: Readonly<Record<string, unknown>> | undefined;
  #members: ReadonlyMap<string, string> | undefined;

  /** @param text a valid JSON text of an object */
  constructor(text: string) {
    this.text = text;
  }

  /** All of it. */
  get value(): Readonly<Record<string, unknown>> {
    this.#value ??= JSON.parse(this.text) as Readonly<Record<string, unknown>>;
    return this.#value;
  }

  /** Its members, each as it was written. */
  get members(): ReadonlyMap<string, string> {
    this.#members ??= memberTexts(this.text);
    return this.#members;
  }
}
