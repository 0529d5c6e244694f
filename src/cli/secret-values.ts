/** Whether a value is one to keep out of a file: by the name that it goes by, or by its looks. In doubt it is. */
export function isSecret(name: string, value: string): boolean {
  if (value === '' || isPlain(value)) return false;
  return isSecretName(name) || isKeyLike(value);
}

/** Whether a name says that its value is a secret: `BRAVE_API_KEY`, `githubToken`, `--password`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (placeWords.has(words.at(-1) ?? '')) return false;
  return words.some((word) => secretWords.has(word) || secretEnd.test(word));
}

/** Whether a value has the looks of a key or token, whatever it is called. */
export function isKeyLike(value: string): boolean {
  return knownKey.test(value) || /^[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s/@]+@/i.test(value) || isRandom(value);
}

/** Whether a value stands for one that somebody still has to put in: `<your key>`, `YOUR_API_KEY`, `xxx`. */
export function isPlaceholder(value: string): boolean {
  return /^<[^>]*>$|^\[[^\]]*\]$|\byour?[-_ ]|^your|^x{3,}$|^\.{3,}$|^\*{3,}$|^(changeme|change_me|todo|replace[-_ ]?me)$/i.test(
    value,
  );
}

const secretWords = new Set([
  ...['key', 'keys', 'apikey', 'token', 'secret', 'secrets', 'password', 'passwd', 'passphrase', 'pass', 'pwd', 'pw'],
  ...['credential', 'credentials', 'auth', 'authorization', 'cookie', 'dsn', 'pat', 'bearer', 'jwt', 'signature'],
]);

/** `PGPASSWORD`, `authtoken`: written as one word. */
const secretEnd = /(password|passwd|passphrase|secret|token|apikey|accesskey|privatekey)$/;

/** What a name ends with when its value says where something is, or of what kind. */
const placeWords = new Set(['path', 'file', 'dir', 'directory', 'folder', 'type', 'name', 'header', 'mode', 'method']);

/** Beginnings by which services mark their keys. */
const knownKey =
  /^(sk|pk|rk)[-_][A-Za-z0-9_-]{12,}|^(gh[pousr]|glpat|hf|npm|pypi|xox[abposr]|dop_v1|shpat|sq0[a-z]{3})[-_][A-Za-z0-9_-]{8,}|^github_pat_|^AKIA[0-9A-Z]{12,}|^AIza[A-Za-z0-9_-]{20,}|^eyJ[A-Za-z0-9_-]{8,}\.|^BSA[A-Za-z0-9_-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY/;

function isPlain(value: string): boolean {
  return /^(\d{1,8}(\.\d+)?|true|false|yes|no|on|off|null|none)$/i.test(value);
}

/** Long, letters and digits mixed, and no words: nobody has typed this. */
function isRandom(value: string): boolean {
  return /^[A-Za-z0-9+/_=-]{24,}$/.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value) && !value.startsWith('/');
}
