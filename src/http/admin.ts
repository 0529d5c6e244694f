import { Router, type Request, type Response } from 'express';
import { BridgeError } from '../base/errors.ts';
import { checkAdmin } from './admin-guard.ts';
import { refuse } from './error-response.ts';
import { streamLog, type ServerLog } from './log-stream.ts';

/** What an operator may do with a running bridge. The ones with a name throw `SERVER_UNKNOWN`. */
export interface Admin {
  status(): object;
  /** Replaces what stands ready, and forgets failures. */
  recycle(name: string): void;
  /** Ends the bridge as SIGTERM does. */
  drain(): void;
  log(name: string): ServerLog;
}

type Act = (request: Request, response: Response, name: string) => void;

/** `/admin/…`: to operate the bridge, from this machine alone. */
export function adminRouter(admin: Admin): Router {
  const router = Router();
  router.use((request, _response, next) => {
    checkAdmin(request);
    next();
  });

  const serve = (methods: string, path: RegExp, act: Act): void => {
    router.all(path, (request, response) => {
      if (methods.split(', ').includes(request.method)) act(request, response, request.params['0'] ?? '');
      else refuse(request, response, methodRefused(methods), 'null', { Allow: methods });
    });
  };
  serve('GET, HEAD', /^\/status\/?$/, (_, response) => {
    response.json(admin.status());
  });
  serve('POST', /^\/recycle\/([^/%]+)\/?$/, (_, response, name) => {
    admin.recycle(name);
    response.status(202).json({ server: name, recycling: true });
  });
  serve('POST', /^\/drain\/?$/, (_, response) => {
    response.status(202).json({ draining: true });
    admin.drain();
  });
  serve('GET', /^\/logs\/([^/%]+)\/?$/, (request, response, name) => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const log = admin.log(name);
    const count = lineCount(query.get('lines'));
    if (query.get('follow') === '1') streamLog(log, count, response);
    else response.json({ server: name, containers: log.tails(count) });
  });
  return router;
}

function methodRefused(methods: string): BridgeError {
  return new BridgeError('METHOD_REFUSED', `Method not allowed: wanted ${methods}`);
}

/** How many lines of each container are wanted: 50, at most 1,000. */
function lineCount(text: string | null): number {
  return text !== null && /^\d+$/.test(text) ? Math.min(Number(text), 1000) : 50;
}
