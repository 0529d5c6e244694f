import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const recorded = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../fixtures/weather/${name}.json`, import.meta.url)), 'utf8');

/** Path → answer: a recorded one, or a status. */
const answers: Readonly<Record<string, string | number>> = {
  '/alerts/active/area/CA': recorded('alerts-CA'),
  '/alerts/active/area/HI': recorded('alerts-none'),
  '/alerts/active/area/NY': 503,
  '/alerts/active/area/TX': '<html>not JSON</html>',
  '/points/34.0522,-118.2437': recorded('point'),
  '/gridpoints/LOX/154,44/forecast': recorded('forecast'),
};

/** A stand-in for the HTTP API of the US National Weather Service, with answers in its form. */
export interface WeatherService extends AsyncDisposable {
  readonly port: number;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
  /** From now on, requests wait. */
  hold(): void;
  /** How many wait. */
  readonly held: number;
  /** Those that wait are answered, and those that come. */
  release(): void;
}

/** @param host to listen on: containers do not reach loopback */
export async function weatherService(host = '127.0.0.1'): Promise<WeatherService> {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let isHolding = false;
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const reply = (): void => {
      answer(url, response);
    };
    if (isHolding) waiting.push(reply);
    else reply();
  });
  await new Promise<void>((resolve) => void server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    hold: () => {
      isHolding = true;
    },
    get held() {
      return waiting.length;
    },
    release: () => {
      isHolding = false;
      for (const reply of waiting.splice(0)) reply();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

function answer(url: string, response: ServerResponse): void {
  const found = answers[url] ?? 404;
  if (typeof found === 'number') response.writeHead(found).end();
  else response.writeHead(200, { 'Content-Type': 'application/geo+json' }).end(found);
}
