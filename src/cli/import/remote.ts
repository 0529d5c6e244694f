import { isSecret } from '../secret-values.ts';
import type { ClientServer } from './client-file.ts';
import { LeftOut, type Imported } from './imported.ts';
import { hasReference, translate } from './references.ts';
import type { Variables } from './variables.ts';

/** A server that its client reaches by a URL. @throws {LeftOut} when it speaks something else than Streamable HTTP */
export function urlEntry(server: ClientServer, variables: Variables): Imported {
  const { url, transport } = server;
  if (url === undefined) throw new LeftOut('its entry has neither a command nor a URL');
  if (transport === 'sse') {
    throw new LeftOut('it speaks HTTP+SSE of 2024-11-05, and Gangway reaches servers by Streamable HTTP only');
  }
  if (!/^(https?:\/\/|\$\{)/i.test(url)) throw new LeftOut(`its URL is ${url.split(':', 1)[0] ?? ''}:, wanted http(s)`);
  const headers = Object.entries(server.headers).map(([name, value]) => [name, header(name, value, server, variables)]);
  const unsure =
    transport === undefined
      ? ['its client tries HTTP+SSE too; see `gangway check` for whether it speaks Streamable HTTP']
      : [];
  return {
    entry: {
      url: urlText(url, server, variables),
      ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) as Record<string, string> }),
    },
    notes: unsure,
  };
}

/** `mcp-remote URL --header NAME:VALUE …`, which a client starts for want of HTTP: Gangway does without. */
export function remoteEntry(server: ClientServer, args: readonly string[], variables: Variables): Imported {
  const url = args.find((arg) => /^https?:\/\//.test(arg));
  const isSse = args.some((arg, i) => arg === 'sse-only' && args[i - 1] === '--transport');
  const headers = args.flatMap((arg, i) =>
    args[i - 1] === '--header' ? [splitHeader(filledIn(arg, server.env))] : [],
  );
  const at = { ...server, command: undefined, url, headers: Object.fromEntries(headers) as Record<string, string> };
  const { entry } = urlEntry({ ...at, transport: isSse ? 'sse' : 'http' }, variables);
  return { entry, notes: ['reached directly, without mcp-remote'] };
}

function splitHeader(text: string): [string, string] {
  const [name = '', value = ''] = text.split(/:\s*(.*)/s);
  return [name.trim(), value];
}

/** `mcp-remote` fills in `${NAME}` from its own environment, which its client gives it. */
function filledIn(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);
}

function header(name: string, value: string, server: ClientServer, variables: Variables): string {
  if (hasReference(value)) return translate(value, server, variables, { isOptional: false });
  const [, scheme = '', secret = value] = /^((?:Bearer|Basic|Token)\s+)?(.*)$/is.exec(value) ?? [];
  if (scheme === '' && !isSecret(name, secret)) return translate(value, server, variables, { isOptional: false });
  const wanted = `${server.name} ${/^authorization$/i.test(name) ? 'token' : name}`;
  return `${scheme}\${${variables.add(wanted, secret, server.name)}}`;
}

/** A URL without what it may carry: a password, or a key in its query. */
export function urlText(url: string, server: ClientServer, variables: Variables): string {
  if (hasReference(url)) return translate(url, server, variables, { isOptional: true });
  const hidden = (wanted: string, value: string): string => `\${${variables.add(wanted, value, server.name)}:-}`;
  return url
    .replace(/^(https?:\/\/)([^/@]+)@/i, (_, scheme: string, user: string) => {
      return `${scheme}${hidden(`${server.name} login`, user)}@`;
    })
    .replace(/([?&])([\w.-]+)=([^&#]+)/g, (whole, mark: string, name: string, value: string) => {
      if (!isSecret(name, value)) return whole;
      return `${mark}${name}=${hidden(`${server.name} ${name}`, value)}`;
    });
}
