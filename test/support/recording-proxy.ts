import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

/** What a client sent: of its headers those that say what it speaks. */
export interface Sent {
  readonly path: string;
  readonly verb: string;
  readonly revision: string | undefined;
  readonly mirrored: string | undefined;
  readonly session: string | undefined;
  /** The method in the body. */
  readonly method: string | undefined;
  readonly params: Readonly<Record<string, unknown>> | undefined;
  /** Of the answer; undefined while there is none, and when the client did not wait for one. */
  status: number | undefined;
}

/** Stands between clients and a bridge, and notes what they send. */
export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  readonly sent: readonly Sent[];
}

/** @param target the base address of the bridge */
export async function recordingProxy(target: string): Promise<RecordingProxy> {
  const sent: Sent[] = [];
  const server = createServer((request, response) => {
    // Either side may be gone at any time: then the other one goes too.
    pass(target, request, response, sent).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function pass(target: string, request: IncomingMessage, response: ServerResponse, sent: Sent[]): Promise<void> {
  const { method: verb = '', url: path = '', headers } = request;
  const body = await buffer(request);
  const message = (body.length > 0 ? JSON.parse(body.toString()) : {}) as Pick<Sent, 'method' | 'params'>;
  const noted: Sent = {
    ...{ path, verb, method: message.method, params: message.params, status: undefined },
    revision: headers['mcp-protocol-version'] as string | undefined,
    mirrored: headers['mcp-method'] as string | undefined,
    session: headers['mcp-session-id'] as string | undefined,
  };
  sent.push(noted);
  const onward = ask(new URL(path, target), { method: verb, headers: { ...headers, host: new URL(target).host } });
  response.once('close', () => onward.destroy());
  onward.end(body);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  noted.status = answer.statusCode;
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  response.flushHeaders();
  await pipeline(answer, response);
}
