import express, { type ErrorRequestHandler, type Express, type Router } from 'express';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { adminRouter, type Admin } from './admin.ts';
import { refuse } from './error-response.ts';

/** What the service tells about itself. */
export interface Health {
  /** Undefined when it is ready; otherwise why not, in one word. */
  notReady(): string | undefined;
  status(): object;
}

/** Everything but the MCP routes: few requests, so Express' comfort costs nothing that counts. */
export function createApp(health: Health, admin: Admin, rest: Router, log: Log): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);

  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/readyz', (_request, response) => {
    const reason = health.notReady();
    response
      .status(reason === undefined ? 200 : 503)
      .json(reason === undefined ? { status: 'ready' } : { status: 'not ready', reason });
  });
  app.get('/status', (_request, response) => {
    response.json(health.status());
  });
  app.all(['/healthz', '/readyz', '/status'], (request, response) => {
    refuse(request, response, new BridgeError('METHOD_REFUSED', 'Method not allowed: wanted GET'), 'null', {
      Allow: 'GET, HEAD',
    });
  });
  app.use('/admin', adminRouter(admin));
  app.use(rest);
  app.use((request, response) => {
    refuse(
      request,
      response,
      new BridgeError('PATH_UNKNOWN', 'Nothing is served here: wanted /NAME/mcp or /NAME/tools'),
    );
  });
  // Express knows an error handler by its four parameters.
  const onError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    if (!(error instanceof BridgeError)) log.error({ err: error }, 'a request failed');
    refuse(request, response, error);
  };
  app.use(onError);
  return app;
}
