import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One request as an app got it. */
export interface HeardRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP app of a test, on a port of its own; disposing ends it and its connections. */
export interface HttpApp extends AsyncDisposable {
  readonly url: string;
  readonly heard: HeardRequest[];
}

/** @param answer is called when the whole request has been read */
export async function httpApp(
  answer: (response: Parameters<RequestListener>[1], request: HeardRequest) => void,
): Promise<HttpApp> {
  const heard: HeardRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { method = '', url = '', headers } = request;
      const got = { method, url, headers, body: body.toString('latin1') };
      heard.push(got);
      answer(response, got);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** An app that answers everything alike. */
export function answering(status: number, mediaType: string, body: string | Buffer): Parameters<typeof httpApp>[0] {
  return (response) => {
    response.writeHead(status, { 'content-type': mediaType }).end(body);
  };
}
