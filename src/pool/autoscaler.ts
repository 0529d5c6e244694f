import type { ScalingConfig } from '../config/config.ts';

/** How many containers are aimed at, and for how long another number has been wanted. */
export interface Aim {
  readonly target: number;
  readonly wish: 'none' | 'more' | 'fewer';
  /** When the wish came up. */
  readonly since: number;
}

export interface Load {
  /** Requests, running and in line, averaged over `lookBackMs`. */
  readonly requests: number;
  /** Requests in line at this moment. */
  readonly waiting: number;
  /** Containers that serve. */
  readonly running: number;
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * Ray Serve's arithmetic. The wanted number is the load over `target`; the factors say how much of the way there is
 * gone at once, and a wish has to last for its delay before it is followed. With nothing running and somebody in line
 * there is no delay, and the last container goes only from one to none.
 *
 * @param now monotonic, in milliseconds
 * @see Ray Serve, `autoscaling_policy.py`, `replica_queue_length_autoscaling_policy`
 */
export function nextAim(aim: Aim, load: Load, bounds: Bounds, config: ScalingConfig, now: number): Aim {
  const at = (target: number): Aim => ({ target: clamp(target, bounds), wish: 'none', since: now });
  if (load.running === 0) {
    return at(load.waiting > 0 ? Math.max(Math.ceil(config.upscaleFactor), aim.target) : aim.target);
  }
  const wanted = clamp(wantedFor(load, config), bounds);
  if (wanted === aim.target) return at(aim.target);
  const wish = wanted > aim.target ? 'more' : 'fewer';
  const since = wish === aim.wish ? aim.since : now;
  const delayMs = wish === 'more' ? config.upscaleDelayMs : config.downscaleDelayMs;
  if (now - since < delayMs) return { target: clamp(aim.target, bounds), wish, since };
  return at(wish === 'fewer' && aim.target > 1 ? Math.max(1, wanted) : wanted);
}

/** Before bounds and delays. */
function wantedFor({ requests, running }: Load, { target, upscaleFactor, downscaleFactor }: ScalingConfig): number {
  const desired = requests / target;
  const distance = desired - running;
  const scaled = roundUp(running + (distance > 0 ? upscaleFactor : downscaleFactor) * distance);
  // A small factor must not hold it up for ever.
  const isStuck = roundUp(desired) < running && scaled === running;
  return isStuck ? scaled - 1 : scaled;
}

/** An average is a hair above a whole number now and then. */
function roundUp(count: number): number {
  return Math.ceil(count - 1e-6);
}

function clamp(count: number, { min, max }: Bounds): number {
  return Math.max(min, Math.min(max, count));
}
