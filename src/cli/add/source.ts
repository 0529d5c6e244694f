import path from 'node:path';
import { BridgeError } from '../../base/errors.ts';
import { isLoopback } from '../../config/loopback.ts';
import { isReference } from '../../config/interpolate.ts';
import type { EntryText } from '../../config/servers-file.ts';
import type { Arguments } from '../args.ts';
import { isSecret } from '../secret-values.ts';

/** What a new server is, and what it could be called. */
export interface NewSource {
  readonly entry: EntryText;
  readonly suggestedName: string;
  /** Of a source that is an image. */
  readonly image: string | undefined;
}

/**
 * What `gangway add` is to add: an image, unless an option or the word itself says something else.
 *
 * @throws {BridgeError} `CONFIG_INVALID` when it is none of them, or several
 */
export function sourceOf(args: Arguments): NewSource {
  const { source, operands } = args;
  const given = [source.command, source.package !== undefined, source.url !== undefined].filter(Boolean);
  if (given.length > 1) refuse('got several of --command, --package and --url, wanted one of them');
  if (source.command) return commandSource(operands);
  const [word, ...rest] = [source.package ?? source.url ?? [], operands].flat();
  if (word === undefined) return refuse('"gangway add" got nothing to add, wanted an image such as docker.io/mcp/time');
  if (source.url !== undefined || /^https?:\/\//.test(word)) return urlSource(word, rest, args);
  refuseUrlOptions(args);
  return source.package === undefined ? imageSource(word, rest) : packageSource(word, rest);
}

function refuseUrlOptions({ headers, isInsecureHttp }: Arguments): void {
  if (headers.length > 0) refuse('got --header, which is for --url');
  if (isInsecureHttp) refuse('got --insecure-http, which is for --url');
}

function imageSource(image: string, rest: readonly string[]): NewSource {
  if (/^(npm|pypi):/.test(image)) return packageSource(image, rest);
  return { entry: { image, ...argsOf(rest) }, suggestedName: imageName(image), image };
}

function commandSource(words: readonly string[]): NewSource {
  const [program] = words;
  if (program === undefined) return refuse('got --command without a command line, wanted it behind --');
  const script = words.slice(1).find((word) => /\.[cm]?[jt]s$|\.py$/.test(word));
  const file = path.parse(script ?? program);
  const name = /^(index|server|main|__main__)$/.test(file.name) ? path.basename(path.resolve(file.dir)) : file.name;
  return { entry: { command: words }, suggestedName: name, image: undefined };
}

function packageSource(spec: string, rest: readonly string[]): NewSource {
  const plain = spec.replace(/^(npm|pypi):/, '').replace(/(?<=.)@[^/]*$/, '');
  const kind = /^(npm|pypi):/.test(spec) ? spec : `npm:${spec}`;
  return { entry: { package: kind, ...argsOf(rest) }, suggestedName: withoutFrills(plain), image: undefined };
}

function urlSource(url: string, rest: readonly string[], { headers, isInsecureHttp }: Arguments): NewSource {
  if (rest.length > 0) refuse(`got "${rest.join(' ')}" behind the URL, which takes no arguments`);
  const { hostname: host, protocol } = URL.canParse(url) ? new URL(url) : refuse(`"${url}" is no URL`);
  const name = host.replace(/^(www|mcp|api)\./, '').replace(/\.[a-z]+$/, '');
  const isOpen = protocol === 'http:' && !isLoopback(host);
  if (isOpen && !isInsecureHttp) refuse(`Cannot add ${host}: ${openWords}; wanted https://, or --insecure-http`);
  const entry = {
    url,
    ...(isOpen ? { insecureHttp: true } : {}),
    ...(headers.length === 0 ? {} : { headers: headersOf(headers) }),
  };
  return { entry, suggestedName: name, image: undefined };
}

const openWords = 'with http:// to another machine, anybody on the way can read headers and messages';

function headersOf(given: readonly string[]): Readonly<Record<string, string>> {
  const pairs = given.map((text): [string, string] => {
    const [, name, value] = /^([^=:\s]+)\s*[=:]\s*(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) return refuse('wanted --header NAME=VALUE');
    if (isReference(value) || !isSecret(name, value)) return [name, value];
    return refuse(`--header ${name} has a secret, which stays out of the file; wanted a reference: '${name}=\${NAME}'`);
  });
  return Object.fromEntries(pairs);
}

function argsOf(args: readonly string[]): { args?: readonly string[] } {
  return args.length === 0 ? {} : { args };
}

/** `docker.io/mcp/time:1.2` → `time` */
function imageName(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^/]*$/, '');
  return withoutFrills(name);
}

function withoutFrills(name: string): string {
  const last = name.split('/').at(-1) ?? name;
  const bare = last.replace(/^(mcp-server-|server-|mcp-)/, '').replace(/(-mcp-server|-mcp|-server)$/, '');
  return bare === '' ? last : bare;
}

function refuse(sentence: string): never {
  throw new BridgeError('CONFIG_INVALID', sentence);
}
