import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FakeChild } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { filledRelay, lastWord, RelayClient, subscribed, type RelayRig } from '../support/relay-rig.ts';
import { linesOf, type Line } from '../support/shared-rig.ts';

/** Few, so that many requests of many clients have the same; of both types, and written in different ways. */
const idTexts = ['1', '"1"', '2', '"2"', '2.0e0', '"\\u0031"', '9007199254740993', '""'];
const meta = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"';

/** What one client has asked. */
interface Asked {
  readonly client: RelayClient;
  readonly idText: string;
  readonly tokenText: string;
  readonly isListen: boolean;
  /** Tells it from all others, in the middle of bytes that must not change. */
  readonly mark: string;
  isOver: boolean;
}

type Step = { readonly kind: 'ask' | 'listen' | 'tell' | 'end' | 'cancel' | 'noise'; readonly pick: number; readonly id: number; readonly token: number }; // prettier-ignore

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('ask', 'ask', 'listen', 'tell', 'tell', 'end', 'cancel', 'noise'),
  pick: fc.nat(1000),
  id: fc.nat(idTexts.length - 1),
  token: fc.nat(idTexts.length - 1),
});

/** What a server answers to what was asked under an id and a token of its own or of the client. */
function wordsFor(
  { mark, isListen }: Asked,
  id: string | number,
  token: string | number,
): Record<'told' | 'end', string> {
  if (isListen) return { told: subscribed(id, 'resources/updated', { uri: mark }), end: lastWord(id) };
  return {
    told: `{"method":"notifications/progress", "params":{"message":"${mark}","progressToken":${token},"progress":1.0},"jsonrpc":"2.0"}`,
    end: `{"result":{"text":"${mark}","n":1E2,"e":"\\u00e9"},"id" : ${id},"jsonrpc":"2.0"}`,
  };
}

class World {
  readonly #rig: RelayRig;
  readonly #clients: RelayClient[];
  readonly #asked: Asked[] = [];
  readonly #wanted = new Map<RelayClient, string[]>();

  constructor(rig: RelayRig) {
    this.#rig = rig;
    this.#clients = Array.from({ length: 5 }, (_, index) => new RelayClient(rig, String(index)));
  }

  get clients(): readonly RelayClient[] {
    return this.#clients;
  }

  /** All that a client is to be told, in order. */
  wantedBy(client: RelayClient): string[] {
    const wanted = this.#wanted.get(client) ?? [];
    this.#wanted.set(client, wanted);
    return wanted;
  }

  async run({ kind, pick, id, token }: Step): Promise<void> {
    const open = this.#asked.filter(({ isOver }) => !isOver);
    if (kind === 'ask' || kind === 'listen') this.#ask(pick, id, token, kind === 'listen');
    else if (kind === 'noise') this.#noise(pick);
    else if (open.length > 0) this.#go(open[pick % open.length]!, kind);
    await settle();
  }

  #ask(pick: number, id: number, token: number, isListen: boolean): void {
    const client = this.#clients[pick % this.#clients.length]!;
    const [idText, tokenText] = [idTexts[id]!, idTexts[token]!];
    // A client does not use an id, or a token, twice at a time.
    const own = this.#asked.filter((one) => one.client === client && !one.isOver);
    const same = (a: string, b: string): boolean => JSON.parse(a) === JSON.parse(b);
    if (own.some((one) => same(one.idText, idText) || same(one.tokenText, tokenText))) return;
    const mark = `mark-${this.#asked.length}-`;
    const asked: Asked = { client, idText, tokenText, isListen, mark, isOver: false };
    this.#asked.push(asked);
    const method = isListen ? 'subscriptions/listen' : 'tools/call';
    client.send(requestText(asked, method, idText, tokenText));
  }

  /** The server tells something of it or ends it, or the client gives it up. */
  #go(asked: Asked, kind: 'tell' | 'end' | 'cancel'): void {
    const { child, id } = this.#find(asked);
    if (kind === 'cancel') {
      asked.client.cancel(asked.idText);
    } else {
      const at = kind === 'tell' ? 'told' : 'end';
      child.say(wordsFor(asked, id, id)[at]);
      this.wantedBy(asked.client).push(wordsFor(asked, asked.idText, asked.tokenText)[at]);
    }
    asked.isOver = kind !== 'tell';
    // Whatever still comes of it is for nobody.
    if (asked.isOver) for (const text of Object.values(wordsFor(asked, id, id))) child.say(text);
  }

  #noise(pick: number): void {
    const child = this.#rig.engine.children[pick % 2]!;
    child.say(subscribed(idTexts[pick % idTexts.length]!.replace(/^(\d)/, '77$1'), 'tools/list_changed'));
    child.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'whose?' } });
    child.say({ jsonrpc: '2.0', id: 1, method: 'roots/list' });
  }

  /** Where it is, and under which id. It is there as it was asked, but for id and token. */
  #find(asked: Asked): { child: FakeChild; id: number } {
    for (const child of this.#rig.engine.children) {
      const line = child.received.find((text) => text.includes(asked.mark));
      if (line === undefined) continue;
      const { id, method } = JSON.parse(line) as Line;
      expect(line).toBe(requestText(asked, method!, String(id), String(id)));
      return { child, id: id as number };
    }
    throw new Error(`Nobody was asked ${asked.mark}`);
  }
}

function requestText({ mark }: Asked, method: string, id: string, token: string): string {
  return `{"params":{"_meta":{"progressToken":${token},${meta}}, "mark":"${mark}","n":1.0},"id": ${id},"method":"${method}","jsonrpc":"2.0"}`;
}

it('RelayServer gives each client what is its own, byte for byte but for four values, whatever the ids and the order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const rig = await filledRelay({ pool: { min: 2, max: 2, maxOngoing: 1000 } });
      const world = new World(rig);
      for (const one of steps) await world.run(one);
      expect(new Set(rig.engine.children.map((child) => linesOf(child, 'server/discover').length))).toEqual(
        new Set([1]),
      );
      for (const client of world.clients) {
        expect(client.texts).toEqual(world.wantedBy(client));
        expect(client.failures).toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
});
