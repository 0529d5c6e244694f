import type { Clock } from '../base/clock.ts';
import { settlesWithin, withDeadline } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { ownMeta } from '../upstream/discovery.ts';
import { handshakeOf, newestRevision } from '../upstream/handshake.ts';
import { startFailed } from '../upstream/start-failed.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { isRecord, Witness, type Answer, type Question } from './witness.ts';

/** Which revisions a server speaks: those with a handshake, 2026-07-28, or both. */
export type Era = 'legacy' | 'modern' | 'dual';

export interface Finding {
  readonly era: Era;
  /** Whether another one would say the same: not when it only ended, or said nothing at all. */
  readonly isCertain: boolean;
}

/** A server that nobody else uses. */
export interface Disposable {
  readonly upstream: Upstream;
  /** Why its end says nothing about the server: somebody else has ended it. */
  readonly givenUp: BridgeError | undefined;
  /** Resolves when it is gone for certain. */
  end(): Promise<void>;
}

interface Surroundings {
  /** @throws {BridgeError} why there is none */
  readonly start: () => Promise<Disposable>;
  /** For each of those that are started, until it has said what it has to say. */
  readonly limitMs: number;
  readonly clock: Clock;
}

const modernRevision = '2026-07-28';
/** A server that runs and does not answer `server/discover` within this time is asked for a handshake as well. */
const silenceMs = 1000;
/** Of two answers, the second may overtake the first by this much. */
const overtakeMs = 200;
/** How much longer than the first answer that of another one may take. */
const patience = { factor: 3, ms: 2000 } as const;
/** Header mismatch, a missing capability, an unsupported revision: only a modern server says this. */
const modernErrors: ReadonlySet<unknown> = new Set([-32_020, -32_021, -32_022]);

/** What the first word of a server says. */
type Word =
  | { readonly kind: 'modern'; readonly shakesHands: boolean; readonly tookMs: number }
  | { readonly kind: 'legacy' | 'ended' | 'silent' };

/**
 * Finds out which revisions a server speaks, from one that is started for it; from a second one where the first cannot
 * tell.
 *
 * @throws {BridgeError} why it could not be started: that says nothing about what it speaks
 * @see MCP 2026-07-28, stdio, "Backward Compatibility"
 */
export async function askEra(around: Surroundings): Promise<Finding> {
  const first = await withOne(around, (witness, upstream) => firstWord(witness, upstream, around));
  const { word } = first;
  if (word.kind === 'legacy') return { era: 'legacy', isCertain: true };
  if (word.kind === 'silent') return { era: 'legacy', isCertain: false };
  if (word.kind === 'modern' && word.shakesHands) return { era: 'dual', isCertain: true };
  const { limitMs, clock } = around;
  const tooLate = (): BridgeError =>
    new BridgeError('ENGINE_UNAVAILABLE', 'Cannot ask the server what it speaks: its container does not go');
  await withDeadline(first.gone, limitMs, clock, tooLate);
  const waitMs = word.kind === 'modern' ? Math.min(limitMs, patience.factor * word.tookMs + patience.ms) : limitMs;
  const { word: shakesHands } = await withOne(around, (witness) => shakes(witness, waitMs, clock));
  if (word.kind === 'modern') return { era: shakesHands ? 'dual' : 'modern', isCertain: true };
  return { era: 'legacy', isCertain: shakesHands };
}

/** @returns what it said, and when it is gone */
async function withOne<T>(
  { start, limitMs, clock }: Surroundings,
  ask: (witness: Witness, upstream: Upstream) => Promise<T>,
): Promise<{ readonly word: T; readonly gone: Promise<void> }> {
  const disposable = await start();
  const { upstream } = disposable;
  let gone: Promise<void> | undefined;
  try {
    const witness = new Witness(upstream);
    const word = ask(witness, upstream);
    if (!(await settlesWithin(Promise.race([upstream.settled, word]), limitMs, clock))) {
      throw new BridgeError('READY_TIMEOUT', `Cannot start the server: it did not run within ${limitMs} ms`);
    }
    const said = await word;
    if (disposable.givenUp) throw disposable.givenUp;
    if (hasNotRun(upstream)) throw startFailed(upstream);
    gone = disposable.end();
    return { word: said, gone };
  } finally {
    if (!gone) void disposable.end();
  }
}

/** The engine refused it, or was lost with it. */
function hasNotRun({ refusal, exit }: Upstream): boolean {
  return refusal !== undefined || exit?.error !== undefined || exit?.lost !== undefined;
}

async function firstWord(witness: Witness, upstream: Upstream, { limitMs, clock }: Surroundings): Promise<Word> {
  const startedAt = clock.now();
  const restMs = (): number => Math.max(0, startedAt + limitMs - clock.now());
  const discovery = witness.ask('server/discover', { _meta: ownMeta });
  await settlesWithin(Promise.race([upstream.settled, discovery.answered]), limitMs, clock);
  await settlesWithin(discovery.answered, Math.min(silenceMs, restMs()), clock);
  const isHandshake = discovery.answer ? false : await answersOnly(witness, discovery, restMs(), clock);
  const { answer } = discovery;
  if (!answer) return { kind: isHandshake ? 'legacy' : 'silent' };
  if (answer.kind === 'nothing') return { kind: 'ended' };
  const revisions = modernRevisions(answer);
  if (!revisions?.includes(modernRevision)) return { kind: 'legacy' };
  const tookMs = clock.now() - startedAt;
  // Most that speak both take a handshake after a question as well.
  const shakesHands = revisions.some((name) => name < modernRevision) || (await shakes(witness, silenceMs, clock));
  return { kind: 'modern', shakesHands, tookMs };
}

/** However slow a server is, it reads one question before the other: who answers `initialize` alone does not know the first. */
async function answersOnly(witness: Witness, first: Question, limitMs: number, clock: Clock): Promise<boolean> {
  const handshake = witness.ask('initialize', initializeParams());
  await settlesWithin(Promise.race([first.answered, handshake.answered]), limitMs, clock);
  if (handshake.answer) await settlesWithin(first.answered, overtakeMs, clock);
  return handshake.answer !== undefined && !first.answer;
}

/** What a modern server supports; undefined of an answer that no modern server gives. */
function modernRevisions(answer: Answer): readonly string[] | undefined {
  if (answer.kind === 'result') return textsOf(answer.result['supportedVersions']);
  if (answer.kind === 'nothing' || !modernErrors.has(answer.code)) return undefined;
  // It says nothing of revisions, so it took the one that it was asked in.
  return isRecord(answer.data) && 'supported' in answer.data ? textsOf(answer.data['supported']) : [modernRevision];
}

function textsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;
}

/** Whether it answers `initialize` as a server does that has a handshake. */
async function shakes(witness: Witness, waitMs: number, clock: Clock): Promise<boolean> {
  const handshake = witness.ask('initialize', initializeParams());
  await settlesWithin(handshake.answered, waitMs, clock);
  const { answer } = handshake;
  return answer?.kind === 'result' && handshakeOf(answer.result) !== undefined;
}

function initializeParams(): object {
  return { protocolVersion: newestRevision, capabilities: {}, clientInfo: clientInfo() };
}

function clientInfo(): object {
  return { name: 'gangway', version: version() };
}
