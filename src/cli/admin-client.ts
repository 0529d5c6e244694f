import { request as httpRequest, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { codeOf } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { loadConfig } from '../config/load.ts';
import { baseUrl } from './address.ts';
import type { Arguments } from './args.ts';
import type { Output } from './output.ts';

/** A running bridge answers within this time. */
const answerMs = 5000;

/**
 * Does one piece of work on the running bridge of a configuration file.
 *
 * @returns the exit code of the work; 1 when the bridge cannot be reached or refuses, 2 when it knows no such server
 */
export async function withBridge(
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
  work: (bridge: AdminClient) => Promise<number>,
): Promise<number> {
  try {
    return await work(new AdminClient(bridgeUrl(args, environment)));
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    output.complain(error.message);
    return error.exitCode;
  }
}

/** The bridge cannot be reached, or has refused. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

const refusal = z.object({
  error: z.object({ message: z.string(), data: z.object({ gangway: z.object({ reason: z.string() }) }) }),
});

/** A running bridge, as the commands that operate it see it. All methods throw `AdminError`. */
export class AdminClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** @returns the JSON of the answer */
  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.#json(await this.#ask('GET', path, signal));
  }

  /** @returns the JSON of the answer */
  async post(path: string): Promise<unknown> {
    return this.#json(await this.#ask('POST', path));
  }

  /** Gives a text as it comes, until the bridge ends it or the signal is raised. */
  async stream(path: string, onText: (text: string) => void, signal: AbortSignal): Promise<void> {
    const answer = await this.#ask('GET', path, signal);
    if (answer.statusCode !== 200) await this.#json(answer);
    try {
      answer.setEncoding('utf8');
      for await (const text of answer) onText(printable(String(text)));
    } catch (error) {
      if (!signal.aborted) throw this.#unreachable(error);
    }
  }

  #ask(method: 'GET' | 'POST', path: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // An agent of its own: none that would send it through a proxy.
      const headers = method === 'POST' ? { 'Content-Type': 'application/json', 'Content-Length': '0' } : {};
      const request = httpRequest(`${this.url}${path}`, { method, headers, agent: false, signal }, resolve);
      request.once('error', (error) => {
        reject(this.#unreachable(error));
      });
      request.setTimeout(answerMs, () => {
        request.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' }));
      });
      request.once('response', () => request.setTimeout(0));
      request.end();
    });
  }

  async #json(answer: IncomingMessage): Promise<unknown> {
    const body: unknown = await this.#read(answer);
    const refused = refusal.safeParse(body);
    if (refused.success) {
      const { message, data } = refused.data.error;
      throw new AdminError(printable(message), data.gangway.reason === 'SERVER_UNKNOWN' ? 2 : 1);
    }
    if (answer.statusCode === 200 || answer.statusCode === 202) return body;
    throw new AdminError(`What answers at ${this.url} is no Gangway that can be operated`);
  }

  async #read(answer: IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      return JSON.parse(Buffer.concat(chunks).toString('utf8'));
    } catch (error) {
      if (error instanceof SyntaxError) throw new AdminError(`What answers at ${this.url} is no Gangway`);
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): AdminError {
    const code = codeOf(error);
    const why =
      code === 'ECONNREFUSED'
        ? 'nothing listens there; is it running, and with this file?'
        : code === 'ETIMEDOUT'
          ? `it did not answer within ${answerMs / 1000} s`
          : (code ?? 'the connection broke');
    return new AdminError(`Cannot reach Gangway at ${this.url}: ${why}`);
  }
}

/** Where the bridge is: the address in the file, unless the command line has all of it. */
export function bridgeUrl({ config, overrides }: Arguments, environment: NodeJS.ProcessEnv): string {
  const { host, port } = overrides;
  if (host !== undefined && port !== undefined) return baseUrl(host, port);
  // Whether it may listen there is for `serve` to judge.
  const { listen } = loadConfig(config, environment, { insecureNoAuth: true });
  return baseUrl(host ?? listen.host, port ?? listen.port);
}
