/** The members that the relay looks at; a scan keeps kind and place of each. */
// prettier-ignore
export const Slot = {
  jsonrpc: 0, id: 1, method: 2, params: 3, result: 4, error: 5, progressToken: 6, requestId: 7, taskId: 8, task: 9,
  metaToken: 10, relatedTask: 11, protocolVersion: 12, uri: 13, level: 14, cursor: 15,
  // What revision 2026-07-28 adds.
  meta: 16, claimedVersion: 17, capabilities: 18, logLevel: 19, subscriptionId: 20, name: 21, requestState: 22,
  inputResponses: 23, resultType: 24, ttl: 25, cacheScope: 26, toolError: 27, resultMeta: 28, serverInfo: 29,
  resultSubscription: 30, resultTask: 31, errorCode: 32, roots: 33, sampling: 34, samplingTools: 35, elicitation: 36,
  elicitationForm: 37, elicitationUrl: 38, taskStatus: 39, resultStatus: 40, tasks: 41, count: 42,
} as const;

/** Objects whose members are looked at; all others are `plain`. */
export const Place = {
  plain: 0,
  envelope: 1,
  params: 2,
  meta: 3,
  related: 4,
  result: 5,
  error: 6,
  resultMeta: 7,
  abilities: 8,
  sampling: 9,
  elicitation: 10,
  extensions: 11,
} as const;

/** A member that is looked at: where its value is noted, and what place it is when it is an object. */
export interface Member {
  readonly slot: number;
  readonly place: number;
}

const member = (slot: number, place: number = Place.plain): Member => ({ slot, place });

const membersOf: readonly ReadonlyMap<string, Member>[] = [
  new Map(),
  new Map([
    ['jsonrpc', member(Slot.jsonrpc)],
    ['id', member(Slot.id)],
    ['method', member(Slot.method)],
    ['params', member(Slot.params, Place.params)],
    ['result', member(Slot.result, Place.result)],
    ['error', member(Slot.error, Place.error)],
  ]),
  new Map([
    ['progressToken', member(Slot.progressToken)],
    ['requestId', member(Slot.requestId)],
    ['taskId', member(Slot.taskId)],
    ['status', member(Slot.taskStatus)],
    ['task', member(Slot.task)],
    ['uri', member(Slot.uri)],
    ['level', member(Slot.level)],
    ['cursor', member(Slot.cursor)],
    ['name', member(Slot.name)],
    ['requestState', member(Slot.requestState)],
    ['inputResponses', member(Slot.inputResponses)],
    ['_meta', member(Slot.meta, Place.meta)],
  ]),
  new Map([
    ['progressToken', member(Slot.metaToken)],
    ['io.modelcontextprotocol/related-task', member(-1, Place.related)],
    ['io.modelcontextprotocol/protocolVersion', member(Slot.claimedVersion)],
    ['io.modelcontextprotocol/clientCapabilities', member(Slot.capabilities, Place.abilities)],
    ['io.modelcontextprotocol/logLevel', member(Slot.logLevel)],
    ['io.modelcontextprotocol/subscriptionId', member(Slot.subscriptionId)],
  ]),
  new Map([['taskId', member(Slot.relatedTask)]]),
  new Map([
    ['protocolVersion', member(Slot.protocolVersion)],
    ['resultType', member(Slot.resultType)],
    ['ttlMs', member(Slot.ttl)],
    ['cacheScope', member(Slot.cacheScope)],
    ['isError', member(Slot.toolError)],
    ['taskId', member(Slot.resultTask)],
    ['status', member(Slot.resultStatus)],
    ['_meta', member(Slot.resultMeta, Place.resultMeta)],
  ]),
  new Map([['code', member(Slot.errorCode)]]),
  new Map([
    ['io.modelcontextprotocol/serverInfo', member(Slot.serverInfo)],
    ['io.modelcontextprotocol/subscriptionId', member(Slot.resultSubscription)],
  ]),
  new Map([
    ['roots', member(Slot.roots)],
    ['sampling', member(Slot.sampling, Place.sampling)],
    ['elicitation', member(Slot.elicitation, Place.elicitation)],
    ['extensions', member(-1, Place.extensions)],
  ]),
  new Map([['tools', member(Slot.samplingTools)]]),
  new Map([
    ['form', member(Slot.elicitationForm)],
    ['url', member(Slot.elicitationUrl)],
  ]),
  new Map([['io.modelcontextprotocol/tasks', member(Slot.tasks)]]),
];

/** Names that must not be mimicked: a reader that does not mind case would take the double for the original. */
const protectedNames: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error', '_meta']);

/** What a key is, whatever object it stands in. */
interface Key {
  /** As a reader sees it who minds neither case nor NUL characters. */
  readonly folded: string;
  readonly isMimic: boolean;
  /** What it names, by place. */
  readonly members: readonly (Member | undefined)[];
}

/** Most keys come again and again: those that came are kept, by their bytes in Latin-1. */
const known = new Map<string, Key>();
const maxKnown = 1000;
const maxKnownLength = 64;
// First of all, so that no client can fill it with keys of its own.
for (const members of membersOf) for (const name of members.keys()) readKey(name, false);
for (const name of ['arguments', 'progress', 'total']) readKey(name, false);

/**
 * Reads the keys of the places that the relay looks at, and refuses those that two readers could read differently:
 * twice the same, or the same but for case or NUL characters.
 */
export class KeyGuard {
  /** The folded keys of the object that is open at each place. */
  readonly #seen: (string[] | Set<string>)[] = [];
  /** Up to this place, doubles are refused. */
  readonly #lastGuarded: number;

  constructor(lastGuarded: number) {
    this.#lastGuarded = lastGuarded;
  }

  /** An object begins. */
  enter(place: number): void {
    if (place <= this.#lastGuarded) this.#seen[place] = [];
  }

  /**
   * @param latin the bytes between the quotes, in Latin-1
   * @returns the member, when it is looked at; false when the key is ambiguous
   */
  read(place: number, latin: string, hasEscape: boolean): Member | undefined | false {
    const key = (hasEscape ? undefined : known.get(latin)) ?? readKey(latin, hasEscape);
    if (place > this.#lastGuarded) return key.members[place];
    if (key.isMimic && place <= Place.params) return false;
    return this.#isNew(place, key.folded) && key.members[place];
  }

  #isNew(place: number, folded: string): boolean {
    const seen = this.#seen[place] ?? [];
    if (seen instanceof Set) return !seen.has(folded) && seen.add(folded).size > 0;
    if (seen.includes(folded)) return false;
    if (seen.push(folded) > 16) this.#seen[place] = new Set(seen);
    return true;
  }
}

function readKey(latin: string, hasEscape: boolean): Key {
  const utf8 = Buffer.from(latin, 'latin1').toString('utf8');
  const text = hasEscape ? (JSON.parse(`"${utf8}"`) as string) : utf8;
  // Both ways, for letters whose other case has another small one (ſ, K).
  const folded = text.toUpperCase().toLowerCase().replaceAll('\0', '');
  const isMimic = folded !== text && protectedNames.has(folded);
  const key = { folded, isMimic, members: membersOf.map((members) => members.get(text)) };
  if (!hasEscape && latin.length <= maxKnownLength && known.size < maxKnown) known.set(latin, key);
  return key;
}
