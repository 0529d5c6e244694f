/** What is known around one server’s entry while it is resolved. */
export interface Surroundings {
  /** The folder of the file: relative paths count from it. */
  readonly directory: string;
  readonly missing: string | undefined;
  /** Whether a value came from outside the file. @param place below the server: "env", "API_KEY" */
  readonly isSecret: (...place: string[]) => boolean;
  readonly allowProcess: boolean;
  readonly report: (key: readonly (string | number)[], message: string) => void;
}
