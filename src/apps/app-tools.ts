import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { AppSource, OpenApiTools, ServerConfig } from '../config/config.ts';
import { maxDocumentBytes } from '../config/resolve-app.ts';
import { parseInThread } from './document-thread.ts';
import { exchange } from './exchange.ts';
import { CallFault, DescriptionFault, isTooDeep } from './fault.ts';
import { handTool } from './hand-tools.ts';
import { isObject, type Json } from './json.ts';
import { openApiTools } from './openapi-tools.ts';
import type { Operation } from './operation.ts';
import { operationsOf } from './operations.ts';
import { References } from './references.ts';
import { isWithin } from './request.ts';
import { refuseUnknown, select } from './selection.ts';

/** What an app offers, and where it is. */
export interface AppTools {
  readonly info: { readonly version: string; readonly title?: string };
  /** All requests go below it. */
  readonly base: URL;
  readonly operations: readonly Operation[];
}

/** More tools no client can use. */
const maxTools = 1000;

/**
 * Reads what describes an app.
 *
 * @throws {DescriptionFault} when it cannot be used
 * @throws {CallFault} when it cannot be had from its address
 */
export async function openAppTools(
  server: ServerConfig & { readonly source: AppSource },
  clock: Clock,
): Promise<AppTools> {
  const { source } = server;
  const { tools, baseUrl = '' } = source;
  if (tools.kind === 'by hand') {
    return { info: { version: version() }, base: new URL(baseUrl), operations: tools.tools.map(handTool) };
  }
  const { text, name, from } = await documentText(tools, source, server.startTimeoutMs, clock);
  try {
    const root = await parseInThread(text, server.startTimeoutMs, clock);
    return readTools(root, source, tools, from);
  } catch (error) {
    if (!(error instanceof DescriptionFault) && !isTooDeep(error)) throw error;
    throw new DescriptionFault(
      `OpenAPI document ${name}`,
      isTooDeep(error) ? 'it is nested too deep' : messageOf(error),
    );
  }
}

function readTools(root: Json, source: AppSource, tools: OpenApiTools, from: URL | undefined): AppTools {
  const base = baseOf(root, source, from);
  const references = new References(root);
  const all = operationsOf(references);
  refuseUnknown('rename', Object.keys(tools.rename), all);
  refuseUnknown('describe', Object.keys(tools.describe), all);
  const chosen = select(all, tools.include, tools.exclude);
  if (chosen.length > maxTools) {
    throw new DescriptionFault(
      '',
      `it has ${chosen.length} operations, wanted at most ${maxTools}; say which with "include"`,
    );
  }
  const operations = openApiTools(chosen, references, {
    ...tools,
    givenHeaders: new Set(source.headers.map(({ name }) => name.toLowerCase())),
    givenQuery: new Set(source.query.map(({ name }) => name)),
  });
  return { info: infoOf(root), base, operations };
}

function infoOf({ info }: Json): AppTools['info'] {
  const { title, version: ofApp } = isObject(info) ? info : {};
  return { version: typeof ofApp === 'string' ? ofApp : '0', ...(typeof title === 'string' ? { title } : {}) };
}

/** @param from where the document came from, if from an address: it must not lead anywhere else by itself */
function baseOf({ servers }: Json, { baseUrl }: AppSource, from: URL | undefined): URL {
  if (baseUrl !== undefined) return new URL(baseUrl);
  const written = firstServer(servers);
  if (!URL.canParse(written, from?.href)) {
    throw new DescriptionFault('servers', 'the first one is no whole address; wanted baseUrl in the configuration');
  }
  const base = new URL(written, from);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new DescriptionFault('servers', 'the first one is no http address; wanted baseUrl in the configuration');
  }
  if (from && base.origin !== from.origin) {
    throw new DescriptionFault('servers', `the first one is at ${base.origin}, another place than the document; wanted baseUrl in the configuration`); // prettier-ignore
  }
  const plain = new URL(base.origin);
  plain.pathname = base.pathname;
  return plain;
}

function firstServer(servers: unknown): string {
  const [first] = Array.isArray(servers) ? (servers as unknown[]) : [];
  return isObject(first) && typeof first['url'] === 'string' ? filledIn(first['url'], first['variables']) : '';
}

function filledIn(url: string, variables: unknown): string {
  return url.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = isObject(variables) ? variables[name] : undefined;
    return isObject(variable) && typeof variable['default'] === 'string' ? variable['default'] : whole;
  });
}

interface DocumentText {
  readonly text: string;
  readonly name: string;
  readonly from: URL | undefined;
}

async function documentText(
  { document }: OpenApiTools,
  source: AppSource,
  timeoutMs: number,
  clock: Clock,
): Promise<DocumentText> {
  switch (document.kind) {
    case 'file':
      return { text: document.text, name: document.file, from: undefined };
    case 'unreadable':
      throw new DescriptionFault('', document.reason);
    case 'url': {
      const from = new URL(document.url);
      const text = await fetchDocument(from, source, timeoutMs, clock);
      return { text, name: `${from.origin}${from.pathname}`, from };
    }
  }
}

async function fetchDocument(url: URL, source: AppSource, timeoutMs: number, clock: Clock): Promise<string> {
  const base = new URL('/', url);
  // What is for the app is for nobody else.
  const isOfApp = source.baseUrl === undefined || isWithin(new URL(new URL(source.baseUrl).origin), base);
  const own = isOfApp ? source.headers.map(({ name, value }) => [name.toLowerCase(), value]) : [];
  const headers = { accept: 'application/json, application/yaml, */*;q=0.5', ...Object.fromEntries(own) } as Record<string, string>; // prettier-ignore
  const limits = { base, timeoutMs, maxAnswerBytes: maxDocumentBytes };
  const request = { method: 'GET', url, headers, body: undefined };
  const answer = await exchange(request, limits, new AbortController().signal, clock);
  if (answer.status !== 200) throw new CallFault(`its address answered HTTP ${answer.status}`);
  return answer.body.toString('utf8');
}
