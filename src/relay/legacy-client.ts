import type { Bytes } from '../jsonrpc/bytes.ts';
import { memberTexts, RawJson } from '../jsonrpc/raw-json.ts';
import { modernCapabilities, type Capabilities } from './reverse-capabilities.ts';
import { changedIn, messageOf, objectIn, paramsOf, textOf, type Message } from './rewrite.ts';

interface Changes {
  readonly id?: string;
  /** Other values for members of `params`; what is undefined is left out. */
  readonly params?: Readonly<Record<string, unknown>>;
}

const prefix = 'io.modelcontextprotocol/';

/** A client of a revision with sessions: what it said once is told with each of its requests. */
export class LegacyClient {
  #capabilities: Capabilities = {};
  /** As it was written. */
  #info: RawJson | undefined;
  /** The least grave that it wants to be logged. */
  #level: string | undefined;

  /** @param bytes its `initialize`. @returns the revision that it asks for */
  learn(bytes: Bytes): string | undefined {
    const params = paramsOf(bytes);
    const capabilities = params.get('capabilities');
    const info = params.get('clientInfo');
    if (capabilities?.startsWith('{') === true) {
      this.#capabilities = modernCapabilities(JSON.parse(capabilities) as Capabilities);
    }
    if (info?.startsWith('{') === true) this.#info = new RawJson(info);
    return textOf(params.get('protocolVersion'));
  }

  /** How much is to be logged from now on. */
  setLevel(level: string): void {
    this.#level = level;
  }

  /** Whether it can be asked something. @param mode of an elicitation; it is a form unless it says something else */
  canAnswer(method: string, mode = 'form'): boolean {
    const name = capabilityOf.get(method);
    const capability = name === undefined ? undefined : this.#capabilities[name];
    if (name !== 'elicitation') return capability !== undefined;
    return typeof capability === 'object' && capability !== null && mode in capability;
  }

  /**
   * A request with what 2026-07-28 wants in its `_meta`.
   *
   * @see MCP 2026-07-28, Base Protocol, "Per-request protocol fields"
   */
  dress(bytes: Bytes, { id, params: changes }: Changes = {}): Message {
    const members = memberTexts(bytes.toString());
    const params = objectIn(members.get('params'));
    const meta = new RawJson(changedIn(objectIn(params.get('_meta')), this.#claim()));
    const dressed = new RawJson(changedIn(params, { ...changes, _meta: meta }));
    return messageOf(changedIn(members, { ...(id === undefined ? {} : { id }), params: dressed }));
  }

  #claim(): Readonly<Record<string, unknown>> {
    return {
      [`${prefix}protocolVersion`]: '2026-07-28',
      [`${prefix}clientCapabilities`]: this.#capabilities,
      ...(this.#info ? { [`${prefix}clientInfo`]: this.#info } : {}),
      ...(this.#level === undefined ? {} : { [`${prefix}logLevel`]: this.#level }),
    };
  }
}

/** @see MCP 2026-07-28, Multi Round-Trip Requests, "InputRequests" */
const capabilityOf: ReadonlyMap<string, string> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
]);
