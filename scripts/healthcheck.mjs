// The image's health check: is the bridge ready? Prints the answer, which `docker inspect` and `podman inspect` show.
// A file, because some compose tools break a command list whose words hold quotes.
const port = process.argv[2] ?? '8808';
try {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(4000) });
  console.log(response.status, await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.log(String(error.cause ?? error));
  process.exitCode = 1;
}
