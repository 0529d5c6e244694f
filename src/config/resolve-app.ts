import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/errors.ts';
import type { AppEntry, OpenApiEntry } from './app-schema.ts';
import type { AppSource, HandTool, HeaderEntry, OpenApiDocument } from './config.ts';
import { defaults } from './defaults.ts';
import { defined } from './defined.ts';
import type { Surroundings } from './surroundings.ts';

/** A larger document is not read. */
export const maxDocumentBytes = 32 * 1024 ** 2;

const isAddress = /^https?:\/\//;

/** The key `openapi` → what the app is made from. A document that cannot be read is found out by whoever needs it. */
export function resolveOpenApi(entry: OpenApiEntry, around: Surroundings): AppSource {
  const { document, include = [], exclude = [], rename = {}, describe = {}, outputs = true } = entry;
  return {
    ...resolveCommon('openapi', entry, around),
    baseUrl: entry.baseUrl,
    tools: {
      kind: 'openapi',
      document: isAddress.test(document)
        ? { kind: 'url', url: resolveAddress(document, around) }
        : readDocument(document, around.directory),
      ...{ include, exclude, rename, describe, hasOutputs: outputs },
    },
  };
}

/** The key `app` → what the app is made from. */
export function resolveHandMade(entry: AppEntry, around: Surroundings): AppSource {
  const tools = Object.entries(entry.tools).map(([name, tool]) => resolveTool(name, tool, around));
  return {
    ...resolveCommon('app', entry, around),
    baseUrl: entry.baseUrl,
    tools: { kind: 'by hand', tools },
  };
}

/** Why an app cannot be used, as far as its file tells. */
export function unreadableDocument({ tools }: AppSource): string | undefined {
  return tools.kind === 'openapi' && tools.document.kind === 'unreadable' ? tools.document.reason : undefined;
}

function resolveCommon(
  key: 'openapi' | 'app',
  entry: OpenApiEntry | AppEntry,
  { isSecret, report }: Surroundings,
): Omit<AppSource, 'baseUrl' | 'tools'> {
  const settings = { ...defaults.app, ...defined(entry) };
  const entries = (place: 'headers' | 'query'): HeaderEntry[] =>
    Object.entries(entry[place] ?? {}).map(([name, given]) => {
      const text = String(given);
      if (place === 'headers' && !isHeaderValue(text)) report([key, place, name], 'wanted a value without line breaks');
      return { name, value: text, secret: isSecret(key, place, name) };
    });
  return {
    kind: 'app',
    headers: entries('headers'),
    query: entries('query'),
    timeoutMs: settings.timeout,
    concurrency: settings.concurrency,
    maxAnswerBytes: settings.maxAnswerBytes,
  };
}

/** @see RFC 9110, 5.5 */
function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

function resolveAddress(text: string, { report }: Surroundings): string {
  if (!URL.canParse(text)) {
    report(['openapi', 'document'], 'wanted a file, or an address that begins with http:// or https://');
    return text;
  }
  const { username, password } = new URL(text);
  if (username !== '' || password !== '') {
    report(['openapi', 'document'], 'has a user or password in it; wanted a secret in openapi.headers');
  }
  return text;
}

/** The text itself is part of the configuration: another text is another app. */
function readDocument(file: string, directory: string): OpenApiDocument {
  const absolute = path.resolve(directory, file);
  const unreadable = (reason: string): OpenApiDocument => ({ kind: 'unreadable', reason });
  try {
    const { size } = statSync(absolute);
    if (size > maxDocumentBytes) {
      return unreadable(`the OpenAPI document ${file} has ${size} bytes, wanted at most ${maxDocumentBytes}`);
    }
    return { kind: 'file', file, text: readFileSync(absolute, 'utf8') };
  } catch (error) {
    return unreadable(`the OpenAPI document ${file} cannot be read (${codeOf(error) ?? 'error'})`);
  }
}

type ToolEntry = AppEntry['tools'][string];
type Parameter = HandTool['parameters'][number];

function resolveTool(name: string, entry: ToolEntry, { report }: Surroundings): HandTool {
  const { description, method = 'GET', body = 'json' } = entry;
  const key = ['app', 'tools', name];
  const inPath = new Set([...entry.path.matchAll(/\{([^{}]*)\}/g)].map(([, parameter = '']) => parameter));
  const hasBody = method !== 'GET' && method !== 'DELETE';
  const parameters = Object.entries(entry.parameters ?? {}).map(([parameter, given]): Parameter => {
    const { in: place = inPath.has(parameter) ? 'path' : hasBody ? 'body' : 'query', required, ...schema } = given;
    const fault = misplaced(place, inPath.has(parameter), method);
    if (fault !== undefined) report([...key, 'parameters', parameter], fault);
    const isRequired = place === 'path' || required === true;
    return {
      name: parameter,
      in: place,
      isRequired,
      schema: Array.isArray(required) ? { ...schema, required } : schema,
    };
  });
  const unknown = [...inPath].filter((parameter) => !entry.parameters?.[parameter]);
  if (unknown.length > 0) report([...key, 'path'], `names "${unknown.join('", "')}", not one of its parameters`);
  refuseBody([...key, 'body'], body, parameters, report);
  return { name, description, method, path: entry.path, body, parameters };
}

function refuseBody(
  key: readonly string[],
  body: HandTool['body'],
  parameters: readonly Parameter[],
  report: Surroundings['report'],
): void {
  const count = parameters.filter(({ in: place }) => place === 'body').length;
  if ((body === 'text' || body === 'binary') && count !== 1) {
    report(key, `got ${count} parameters in the body, wanted exactly one with "${body}"`);
  }
}

function misplaced(place: Parameter['in'], isInPath: boolean, method: HandTool['method']): string | undefined {
  if (place === 'path' && !isInPath) return 'is in: path, and the path does not name it';
  if (place !== 'path' && isInPath) return 'is named by the path, wanted in: path';
  return place === 'body' && method === 'GET' ? 'is in the body, and GET has none' : undefined;
}
