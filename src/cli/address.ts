/** Where a bridge that listens here is found by a client on this machine. */
export function baseUrl(host: string, port: number): string {
  const name = host.replace(/^\[|\]$/g, '');
  if (name === '0.0.0.0' || name === '::') return `http://localhost:${port}`;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
