import { systemClock, type Clock } from '../../src/base/clock.ts';
import { App } from '../../src/apps/app.ts';
import type { ToolResult } from '../../src/apps/answer.ts';
import type { ToolDescription } from '../../src/apps/operation.ts';
import type { AppSource, OpenApiTools } from '../../src/config/config.ts';
import { serverConfig } from './pool-rig.ts';
import { quietLog, type QuietLog } from './quiet-log.ts';

/** What a test says about its app; the rest is plain. */
export interface AppSetting extends Partial<Omit<AppSource, 'tools' | 'kind'>> {
  /** An OpenAPI document, as a value. */
  readonly document?: object;
  readonly tools?: AppSource['tools'];
  readonly openapi?: Partial<OpenApiTools>;
  readonly queue?: number;
  readonly clock?: Clock;
}

export interface AppRig {
  readonly app: App;
  readonly quiet: QuietLog;
  tools(): Promise<ToolDescription[]>;
  call(name: string, given?: object, signal?: AbortSignal): Promise<ToolResult>;
}

/** An app with a document, at some address. */
export function appRig({ document = {}, openapi, queue, clock = systemClock, ...setting }: AppSetting): AppRig {
  const described: OpenApiTools = {
    ...{ kind: 'openapi', document: { kind: 'file', file: 'app.json', text: JSON.stringify(document) } },
    ...{ include: [], exclude: [], rename: {}, describe: {}, hasOutputs: true, ...openapi },
  };
  const source: AppSource = {
    ...{ kind: 'app', baseUrl: undefined, headers: [], query: [], timeoutMs: 5000, concurrency: 10 },
    ...{ maxAnswerBytes: 1024 * 1024, tools: described, ...setting },
  };
  const quiet = quietLog();
  const pool = queue === undefined ? {} : { queue };
  const app = new App({ ...serverConfig({ pool }), source }, { clock, log: quiet.log });
  const call = (signal: AbortSignal) => ({ client: 'one', signal, notify: () => undefined });
  return {
    app,
    quiet,
    tools: async () => {
      const { tools } = (await app.request('tools/list', {}, call(new AbortController().signal))) as {
        tools: ToolDescription[];
      };
      return tools;
    },
    call: async (name, given = {}, signal = new AbortController().signal) =>
      (await app.request('tools/call', { name, arguments: given }, call(signal))) as ToolResult,
  };
}

/** A document of some paths. */
export function documentOf(paths: object, more: object = {}): object {
  return { openapi: '3.1.0', info: { title: 'Demo', version: '2.0' }, paths, ...more };
}

/** An operation with one good answer. */
export function operation(more: object = {}, content?: object): object {
  return { responses: { '200': { description: 'ok', ...(content ? { content } : {}) } }, ...more };
}

/** The text of a result. */
export function textOf({ content }: ToolResult): string {
  return content.map(({ text }) => String(text)).join('\n');
}
