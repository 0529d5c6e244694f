import { BridgeError, codeOf } from '../../src/base/errors.ts';
import { isClaimed } from '../../src/modern/incoming.ts';
import { ModernReply } from '../../src/modern/modern-reply.ts';
import { ModernServers } from '../../src/modern/modern-servers.ts';
import type { ModernServed } from '../../src/modern/served.ts';
import { clientLimits, isRefusal, readMessage } from '../../src/jsonrpc/message.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { SharedServer } from '../../src/relay/shared-server.ts';
import { FakeConnection } from './fake-connection.ts';
import type { FakeChild } from './fake-engine.ts';
import { settle } from './manual-clock.ts';
import { linesOf, startRig, type Line, type StartRig } from './shared-rig.ts';

const prefix = 'io.modelcontextprotocol/';

/** A legacy server that many share, as requests of 2026-07-28 use it. */
export interface ModernRig extends StartRig {
  readonly server: SharedServer;
  readonly served: ModernServed;
  readonly servers: ModernServers;
  /** What was posted. */
  readonly sent: Bytes[];
  /** Sends one request. */
  post(method: string, params?: object, how?: Partial<How>): Promise<Post>;
}

interface How {
  readonly id: string | number;
  readonly capabilities: object;
  readonly logLevel: string;
  readonly progressToken: string | number;
  readonly principal: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a client that can be asked says of itself. */
export const everything = { roots: {}, sampling: { tools: {} }, elicitation: { form: {}, url: {} } };

/** One POST and what became of it. */
export class Post {
  readonly connection: FakeConnection;
  /** Why it was refused before anything was sent. */
  refusal: BridgeError | undefined;

  constructor(connection: FakeConnection) {
    this.connection = connection;
  }

  /** The whole answer, parsed. */
  get answer(): { readonly id: unknown; readonly result?: Result; readonly error?: { readonly code: number } } {
    return (this.connection.answer ?? {}) as Post['answer'];
  }

  get result(): Result {
    return this.answer.result ?? {};
  }

  /** What stands in the way of an answer, as a code. */
  get code(): unknown {
    return this.refusal ? this.refusal.code : this.answer.error?.code;
  }

  /** Everything that it was told, parsed. */
  get told(): Line[] {
    return this.connection.said.map((text) => JSON.parse(text) as Line);
  }

  get isOver(): boolean {
    return this.refusal !== undefined || !this.connection.isOpen;
  }

  /** The client goes. */
  cut(): void {
    this.connection.destroy();
  }
}

type Result = Readonly<Record<string, unknown>> & {
  readonly resultType?: string;
  readonly requestState?: string;
  readonly inputRequests?: Readonly<Record<string, { readonly method: string; readonly params?: object }>>;
};

/** @param maxRounds calls that may wait for their clients */
export async function modernRig(
  overrides: Parameters<typeof startRig>[0] = {},
  habit?: Parameters<typeof startRig>[1],
  maxRounds = 100,
): Promise<ModernRig> {
  const rig = startRig(overrides, habit);
  const server = new SharedServer(rig.config, rig);
  const served: ModernServed = {
    config: rig.config,
    lease: () => Promise.resolve(server.join()),
    waiting: 0,
    shortage: 0,
    modern: {
      way: 'translate',
      find: () => Promise.resolve('translate'),
      visit: (client) => server.join(client),
      lease: () => Promise.reject(new Error('It is there at once')),
    },
  };
  const servers = new ModernServers({ clock: rig.clock, maxRounds: () => maxRounds });
  server.pool.fill().catch(() => undefined);
  await settle();
  const bodies: Bytes[] = [];
  let lastId = 0;
  const post: ModernRig['post'] = async (method, params = {}, how = {}) => {
    lastId += 1;
    const { id = lastId, principal = '', headers = {} } = how;
    const meta = metaOf(how);
    const bytes = Bytes.from(JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }));
    bodies.push(bytes);
    const request = readMessage(bytes, clientLimits);
    if (isRefusal(request) || !isClaimed(request)) throw new TypeError('wanted a request of 2026-07-28');
    const sent = new Post(new FakeConnection());
    const reply = new ModernReply(sent.connection);
    const named = { headers, rawHeaders: Object.entries(headers).flat() };
    void servers
      .take(served, { request, bytes, headers: named, reply, address: 'here', principal })
      .catch((error: unknown) => {
        if (!(error instanceof BridgeError)) throw new TypeError(`wanted a BridgeError, got ${String(codeOf(error))}`);
        sent.refusal = error;
      });
    await settle();
    return sent;
  };
  return Object.assign(rig, { server, served, servers, sent: bodies, post });
}

function metaOf({ capabilities = {}, logLevel, progressToken }: Partial<How>): object {
  return {
    [`${prefix}protocolVersion`]: '2026-07-28',
    [`${prefix}clientCapabilities`]: capabilities,
    ...(logLevel === undefined ? {} : { [`${prefix}logLevel`]: logLevel }),
    ...(progressToken === undefined ? {} : { progressToken }),
  };
}

/** The calls that a server has been sent, the newest last. */
export function callsOf(child: FakeChild): Line[] {
  return linesOf(child, 'tools/call');
}
