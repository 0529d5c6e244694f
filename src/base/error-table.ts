import { clientErrorTable } from './client-error-table.ts';
import type { ErrorRow } from './error-row.ts';
import { modernErrorTable } from './modern-error-table.ts';
import { restErrorTable } from './rest-error-table.ts';

/** The source of truth for every error that Gangway itself answers. */
export const errorTable = {
  CONFIG_INVALID: {
    http: 500,
    rpc: -32603,
    retry: false,
    when: 'A key of the configuration or an argument of the command line is unknown, missing or out of range.',
    operator: 'Correct the line that the message names. The program ends with exit code 2.',
  },
  ENGINE_UNAVAILABLE: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'No container engine answers; the message lists each one that was tried and why it does not work.',
    operator:
      'Start Podman or Docker, or give the user of Gangway access to its socket. It is looked for again every 3 s.',
  },
  IMAGE_UNAVAILABLE: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'The image is not present and cannot be pulled (or `pull: never` forbids it).',
    operator: 'Pull the image by hand to see the registry’s own words; check its name, tag and login.',
  },
  IMAGE_PULLING: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The image is still being pulled or built, and the caller waited `startTimeout` for it.',
    operator: 'Wait; the log shows the progress. Pull large images before start-up.',
  },
  BUILD_FAILED: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'The engine could not build the folder that `build:` names, or install the package that `package:` names.',
    operator: 'The log has the builder’s output; `gangway build NAME` shows it at once.',
  },
  START_FAILED: {
    http: 502,
    rpc: -32603,
    retry: true,
    when: 'The server ended before it answered `initialize` (or `server/discover`), or could not be started at all.',
    operator:
      'Read the exit code and the last stderr lines in the error or in `/status`, or `engineReason`; try `gangway check NAME`.',
  },
  READY_TIMEOUT: {
    http: 504,
    rpc: -32603,
    retry: true,
    when: 'The server did not answer `initialize` (or `server/discover`) within `startTimeout`; its container, if it has one, was removed.',
    operator: 'Raise `startTimeout` for a slow image; look at its stderr lines in the error.',
  },
  SERVER_UNKNOWN: {
    http: 404,
    rpc: -32600,
    retry: false,
    when: 'The URL names no server of the configuration; one that was taken out of it serves the sessions that it has.',
    operator: 'Compare the URL with the names in `servers.yaml`; `GET /status` lists them.',
  },
  SERVER_DISABLED: {
    http: 503,
    rpc: -32603,
    retry: false,
    when: 'The server is switched off, because a secret that it needs is missing, its OpenAPI document cannot be used, or it needs `--allow-process`.',
    operator:
      'Set the variable that the message names and restart; or write or correct the file that it names, and send SIGHUP.',
  },
  APP_UNAVAILABLE: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The OpenAPI document of an app cannot be had from its address now.',
    operator:
      'Look at the app, or at `openapi.document`. It is asked for again when a client comes, after 5 s at the earliest.',
  },
  POOL_FULL: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'All `max` containers of the server (or the `concurrency` of an app) are in use and its line holds `queue` callers already.',
    operator: 'Raise `pool.max` (or `concurrency`) or `pool.queue`, or shorten `pool.idleTimeout`.',
  },
  ACQUIRE_TIMEOUT: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The caller waited `acquireTimeout` in line and no container came free.',
    operator: 'Raise `pool.max` or `pool.acquireTimeout`, or shorten `pool.idleTimeout`.',
  },
  CIRCUIT_OPEN: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The server failed to start, or a shared one ended, five times within a minute: it is left alone for a while, and then tried once at a time.',
    operator:
      'The last error in `/status` says why it fails. Once that is mended, it recovers by itself within a minute, or at once with `gangway recycle NAME`.',
  },
  NODE_FULL: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'All servers together use up `limits.containers` or `limits.memory`, and none came free in time.',
    operator:
      'Raise `limits.containers` or `limits.memory`, lower `pool.warm` and `pool.min`, or shorten `pool.idleTimeout`.',
  },
  OVERLOADED: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The bridge itself is short of memory, of time or of file descriptors, or holds `limits.calls` requests: it takes new sessions, then new requests again when that is over.',
    operator:
      '`/status` says which gate is closed. Give it more memory or descriptors, or spread the clients over several bridges.',
  },
  NOT_SHARED: {
    http: 400,
    rpc: -32600,
    retry: false,
    when: 'The request needs a server that belongs to one client (a task), and this one is shared by many.',
    operator: 'Set `sharing: session` for that server.',
  },
  SESSION_LIMIT: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The bridge holds `limits.sessions` sessions already.',
    operator: 'Raise `limits.sessions`, or shorten `pool.idleTimeout`.',
  },
  DRAINING: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The bridge is shutting down: it takes no new session and no new call, and a call that outlasts the drain is ended.',
    operator: 'Expected during a restart. Clients should try again.',
  },
  UPSTREAM_EXITED: {
    http: 502,
    rpc: -32603,
    retry: true,
    when: 'The server ended while the request was pending. Every pending request gets this; the session is over.',
    operator:
      'Exit code, signal and last stderr lines are in the error data; `oomKilled`: the kernel killed it for lack of memory.',
  },
  ENGINE_LOST: {
    http: 502,
    rpc: -32603,
    retry: true,
    when: 'The engine, or the launcher, went away while the request was pending, and the server with it; `lost` says which.',
    operator: 'See the engine’s own log, or that of Gangway for its launcher. Gangway goes on as soon as it is back.',
  },
  UPSTREAM_GARBLED: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'The server printed a line longer than `maxLineBytes`, and its session was ended; or a remote server (`url:`) answered what is too long, a web page, or no message at all, and its session goes on.',
    operator: 'Raise `maxLineBytes` for a server with very large answers; see that `url:` names an MCP endpoint.',
  },
  REMOTE_UNREACHABLE: {
    http: 502,
    rpc: -32603,
    retry: true,
    when: 'A remote server (`url:`) takes no connection, its certificate is not accepted, or the connection broke before its answer; `fault` says which.',
    operator: 'Try its URL with `curl` on this machine. A CA of your own is named by `NODE_EXTRA_CA_CERTS`.',
  },
  REMOTE_UNAUTHORIZED: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'A remote server (`url:`) answered 401 or 403: it does not accept what `headers:` says.',
    operator: 'Renew the secret in `headers:`; the client can do nothing about it.',
  },
  REMOTE_REFUSED: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'A remote server (`url:`) refused the request (`status`), or redirects to another place.',
    operator: 'Compare `url:` with the server’s documentation; `remoteSays` has its own words, where it had any.',
  },
  REMOTE_FAILED: {
    http: 502,
    rpc: -32603,
    retry: true,
    when: 'A remote server (`url:`) answered with a status of its own failure (`status`, 5xx), or that it has too much to do (429).',
    operator: 'See the log of that server. Gangway does not repeat calls by itself: they may have had an effect.',
  },
  UPSTREAM_BUSY: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'The server does not read its input: too many bytes already wait for it.',
    operator: 'The server hangs or is slower than its client; see its stderr lines in `/status`.',
  },
  CALL_TIMEOUT: {
    http: 504,
    rpc: -32603,
    retry: true,
    when: 'The server did not answer within `callTimeout` (with progress: `maxCallTime`); the call was cancelled.',
    operator: 'Raise `callTimeout` for slow tools.',
  },
  ...clientErrorTable,
  ...modernErrorTable,
  ...restErrorTable,
  INTERNAL: {
    http: 500,
    rpc: -32603,
    retry: false,
    when: 'A fault in Gangway itself; the log has the details, the client does not.',
    operator: 'Please report it with the log line.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;
