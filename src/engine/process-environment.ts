/** What a plain process inherits: where programs and the user's files are, and nothing else. */
const inherited = /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_[A-Z]+|TZ)$/;

/** What a plain process may have of our own environment. */
export function processEnvironment(parent: NodeJS.ProcessEnv): Record<string, string> {
  const own = Object.entries(parent).filter(([name, value]) => value !== undefined && inherited.test(name));
  return Object.fromEntries(own) as Record<string, string>;
}
