/** A history as `bench/chaos` records it, see `bench/chaos/history.mjs`: a short run in which all went well. */
export function goodHistory(): object {
  const sessions = [session('1.1', 'own', 0), session('1.2', 'common', 1), session('2.1', 'common', 2)];
  sessions.push(session('2.2', 'own', 3), session('3.1', 'own', 4), session('3.2', 'common', 5));
  const calls = sessions.flatMap((each) => [initialize(each), ...Array.from({ length: 6 }, (_, i) => echo(each, i))]);
  const harmed = sessions[3]!;
  return {
    run: { ...{ engine: 'podman', seed: 1, seconds: 20, clients: 3 }, ...{ version: '0', node: '20', cores: 2 } },
    bounds: {
      ...{ callTimeout: 8000, maxCallTime: 16_000, startTimeout: 30_000, acquireTimeout: 15_000, slack: 3000 },
      ...{ noticed: 5000, swept: 10_000, drained: 25_000, stray: 10_000, watched: 3000, growth: 64, descriptors: 8 },
    },
    ...{ chaosFrom: 5000, chaosUntil: 25_000, calls, sessions },
    faults: [
      { ...{ kind: 'bridge: SIGKILL', scope: 'bridge', freezes: false }, ...{ at: 3000, doneAt: 3010, until: 4000 } },
      fault('engine kill', 9000, harmed.container, false),
    ],
    lives: [
      { ...life(0, 100, 1000), ...{ signal: 'SIGKILL', signalledAt: 3000, exitedAt: 3010, exit: 'SIGKILL' } },
      { ...life(1, 3100, 4000), ...{ signal: 'SIGTERM', signalledAt: 40_000, exitedAt: 41_000, exit: 0 } },
    ],
    samples: Array.from({ length: 30 }, (_, i) => sample(5000 + i * 1000)),
    end: {
      ...{ containers: [], processes: [] },
      restBefore: { at: 2000, rss: 100 * 2 ** 20, fds: 30, containers: 3 },
      restAfter: { at: 39_000, rss: 110 * 2 ** 20, fds: 31, containers: 3 },
    },
  };
}

/** The same, but for one call that was refused since the machine was too busy. */
export function overloadedHistory(): object {
  const history = goodHistory() as Mutable;
  const at = 15_500;
  history.calls.push({
    ...{ client: 1, session: '1.1', server: 'own', tool: 'echo', nonce: '1.1.9', askedAt: at, endedAt: at + 5 },
    ...{ outcome: 'refused', reason: 'OVERLOADED', answers: [], foreign: [] },
  });
  const later = history.samples.filter((sample) => sample.at > at);
  for (const { after } of later) after.refusals = 1;
  Object.assign(later[0]!.after, { loopDelayMs: 700, isRefusing: 'calls' });
  return history;
}

/** The same, but for a session that a bridge opened, and that its client knew of only when that was told to end. */
export function lateOpenedHistory(): object {
  const history = goodHistory() as Mutable;
  const late = { key: '1.0', server: 'own', openedAt: 3005, container: 'container-late' } as const;
  history.sessions.push(late);
  const { key, server, container } = late;
  history.calls.push(call({ key, server }, 'initialize', key, 2990, { at: 3002, nonce: key, container }));
  history.calls.push({
    ...{ client: 1, session: key, server, tool: 'echo', nonce: '1.0.1', askedAt: 4100, endedAt: 4105 },
    ...{ outcome: 'refused', reason: 'SESSION_UNKNOWN', answers: [], foreign: [] },
  });
  return history;
}

interface Mutable {
  readonly calls: object[];
  readonly sessions: object[];
  readonly samples: { readonly at: number; readonly after: { refusals: number } }[];
}

type ServerName = 'own' | 'common';

interface Answer {
  readonly at: number;
  readonly nonce: string;
  readonly container?: string;
}

interface Session {
  readonly key: string;
  readonly server: ServerName;
  readonly openedAt: number;
  readonly container?: string;
}

function session(key: string, server: ServerName, i: number): Session {
  return { key, server, openedAt: 5000 + i * 100, ...(server === 'own' ? { container: `container-${i}` } : {}) };
}

function initialize({ key, server, openedAt, container }: Session): object {
  const answer = { at: openedAt, nonce: key, ...(container === undefined ? {} : { container }) };
  return call({ key, server }, 'initialize', key, openedAt - 100, answer);
}

/** The last one of each session comes after the last fault. */
function echo({ key, server, container = 'shared-1' }: Session, i: number): object {
  const at = i === 5 ? 30_000 : 6000 + i * 1000;
  return call({ key, server }, 'echo', `${key}.${i}`, at, { at: at + 10, nonce: `${key}.${i}`, container });
}

function call(
  { key, server }: Pick<Session, 'key' | 'server'>,
  tool: string,
  nonce: string,
  askedAt: number,
  answer: Answer,
): object {
  const who = { client: Number(key.split('.')[0]), session: key, server, tool, nonce };
  return { ...who, askedAt, endedAt: answer.at, outcome: 'answered', answers: [answer], foreign: [] };
}

function fault(kind: string, at: number, container: string | undefined, freezes: boolean): object {
  return { kind, scope: 'container', server: 'own', container, at, doneAt: at + 100, freezes };
}

function life(i: number, startedAt: number, readyAt: number): object {
  return { pid: 1000 + i, startedAt, readyAt };
}

function sample(at: number): object {
  const status = {
    ...{ held: 5, sessions: 6, refusals: 0, loopDelayMs: 2, isRefusing: 'nothing' },
    servers: { own: { solid: 4, moving: 0, starts: 9, max: 10 }, common: { solid: 1, moving: 0, starts: 2, max: 4 } },
  };
  const listed = [...Array.from({ length: 4 }, (_, i) => container('own', i)), container('common', 0)];
  return {
    at,
    life: 1,
    before: structuredClone(status),
    after: structuredClone(status),
    listed,
    rss: 105 * 2 ** 20,
    fds: 40,
  };
}

function container(server: ServerName, i: number): object {
  const name = `gangway-${server}-${i}`;
  return { id: `${server}-${i}`, name, state: 'running', server, owner: 'space.1001.77' };
}
