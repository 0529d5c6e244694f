import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Notification, Request } from '../jsonrpc/message.ts';
import type { Place } from '../pool/place.ts';
import type { SharedRetireReason } from '../pool/shared-slot.ts';
import type { SharedUpstream } from '../upstream/shared-upstream.ts';
import { RelayListen, type Listener } from './relay-listen.ts';
import type { TaskOwners } from './task-owners.ts';

/** What subscriptions need of a pool. They take no place in it: none of them ever ends by itself. */
interface Home {
  upstreams(): SharedUpstream[];
  wait(signal: AbortSignal, client: string): Promise<Place>;
  hold(isHeld: boolean): void;
}

/**
 * All subscriptions to one server: while there are any, a container runs; and each of them is open on one, whichever.
 */
export class RelayListens {
  readonly #pool: Home;
  readonly #tasks: TaskOwners;
  readonly #all = new Set<RelayListen>();
  /** Those for which no upstream serves. */
  readonly #homeless = new Set<RelayListen>();
  /** Gives the wait for one up. */
  #waiting: AbortController | undefined;

  constructor(pool: Home, tasks: TaskOwners) {
    this.#pool = pool;
    this.#tasks = tasks;
  }

  open(request: Request, bytes: Bytes, listener: Listener): RelayListen {
    const listen = new RelayListen(request, bytes, listener, {
      onHomeless: (homeless) => {
        this.#settle(homeless);
      },
      onOver: (over) => {
        this.#remove(over);
      },
      onTask: (notification, from) => {
        this.#onTask(notification, from);
      },
    });
    this.#all.add(listen);
    if (this.#all.size === 1) this.#pool.hold(true);
    this.#settle(listen);
    return listen;
  }

  /** Its client has had enough. */
  close(listen: RelayListen, notice?: Parameters<RelayListen['leave']>[0]): void {
    listen.leave(notice);
    this.#remove(listen);
  }

  /** An upstream takes nothing new: those that are open on it go elsewhere, or end with the bridge. */
  onLeaving(shared: SharedUpstream, reason: SharedRetireReason): void {
    for (const listen of [...this.#all].filter((one) => one.shared === shared)) {
      if (reason === 'draining') {
        listen.finish(new BridgeError('DRAINING', 'Cannot listen: the server is shutting down'));
      } else if (this.#tasks.ownerOf(listen.taskIds) !== shared) {
        listen.leave();
        this.#settle(listen);
      }
    }
  }

  #remove(listen: RelayListen): void {
    this.#homeless.delete(listen);
    if (this.#homeless.size === 0) {
      this.#waiting?.abort(new Error('Nobody waits for it any more'));
      this.#waiting = undefined;
    }
    if (this.#all.delete(listen) && this.#all.size === 0) this.#pool.hold(false);
  }

  /** What it wants to know of tasks, only one upstream can tell. */
  #settle(listen: RelayListen): void {
    const shared = this.#tasks.ownerOf(listen.taskIds) ?? this.#leastListened();
    if (shared && !shared.upstream.isBusy) {
      listen.open(shared);
      return;
    }
    this.#homeless.add(listen);
    if (!this.#waiting) void this.#wait();
  }

  #leastListened(): SharedUpstream | undefined {
    const able = this.#pool.upstreams().filter(({ hasEnded, upstream }) => !hasEnded && !upstream.isBusy);
    if (able.length <= 1) return able[0];
    const counts = new Map(able.map((shared) => [shared, 0]));
    for (const { shared } of this.#all) {
      const count = shared && counts.get(shared);
      if (shared && count !== undefined) counts.set(shared, count + 1);
    }
    return able.reduce((best, one) => ((counts.get(one) ?? 0) < (counts.get(best) ?? 0) ? one : best));
  }

  /** All of them stand in line as one: a thousand of them would fill it. */
  async #wait(): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    try {
      const place = await this.#pool.wait(waiting.signal, 'subscriptions');
      if (this.#waiting === waiting) this.#settleAll(place.shared);
      place.release();
    } catch (error) {
      if (this.#waiting === waiting) this.#refuseAll(error as BridgeError);
    }
  }

  #settleAll(shared: SharedUpstream): void {
    for (const listen of this.#takeHomeless()) {
      if (shared.hasEnded) this.#settle(listen);
      else listen.open(shared);
    }
  }

  #refuseAll(error: BridgeError): void {
    for (const listen of this.#takeHomeless()) {
      if (error.code === 'DRAINING') listen.finish(error);
      else listen.lose(error);
    }
  }

  #takeHomeless(): RelayListen[] {
    const homeless = [...this.#homeless];
    this.#homeless.clear();
    this.#waiting = undefined;
    return homeless;
  }

  #onTask({ taskId, taskStatus }: Notification, from: SharedUpstream): void {
    if (taskId !== undefined) this.#tasks.onStatus(taskId, from, { status: taskStatus, ttlMs: undefined });
  }
}
