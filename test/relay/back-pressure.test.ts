import { describe, expect, it, jest } from '@jest/globals';
import { BackPressure } from '../../src/relay/back-pressure.ts';
import type { Outflow } from '../../src/relay/reply.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A stream whose client reads when the test says so. */
class SlowStream implements Outflow {
  isClosed = false;
  #drained: (() => void)[] = [];
  readonly destroy = jest.fn(() => {
    this.isClosed = true;
    this.drain();
  });

  onDrain(resume: () => void): void {
    this.#drained.push(resume);
  }

  onClose(): void {
    // Nobody asks.
  }

  drain(): void {
    for (const resume of this.#drained.splice(0)) resume();
  }
}

function rig(): { clock: ManualClock; source: { pause: jest.Mock; resume: jest.Mock }; pressure: BackPressure } {
  const clock = new ManualClock();
  const source = { pause: jest.fn(), resume: jest.fn() };
  return { clock, source, pressure: new BackPressure(source, clock) };
}

describe('BackPressure', () => {
  it('pauses the source until the last stream that is behind has caught up', () => {
    const { source, pressure } = rig();
    const [one, two] = [new SlowStream(), new SlowStream()];
    pressure.hold(one);
    pressure.hold(two);
    pressure.hold(one);
    expect(source.pause).toHaveBeenCalledTimes(1);
    one.drain();
    expect(source.resume).not.toHaveBeenCalled();
    two.drain();
    expect(source.resume).toHaveBeenCalledTimes(1);
  });

  it('cuts a stream that has been behind for 30 s, and the source goes on', async () => {
    const { clock, source, pressure } = rig();
    const stream = new SlowStream();
    pressure.hold(stream);
    await clock.advance(29_999);
    pressure.cutStalled(clock.now());
    expect(stream.destroy).not.toHaveBeenCalled();
    await clock.advance(1);
    pressure.cutStalled(clock.now());
    expect(stream.destroy).toHaveBeenCalledTimes(1);
    expect(source.resume).toHaveBeenCalledTimes(1);
  });

  it('counts anew for a stream that had caught up', async () => {
    const { clock, pressure } = rig();
    const stream = new SlowStream();
    pressure.hold(stream);
    await clock.advance(20_000);
    stream.drain();
    pressure.hold(stream);
    await clock.advance(20_000);
    pressure.cutStalled(clock.now());
    expect(stream.destroy).not.toHaveBeenCalled();
  });

  it('does not wait for a stream that is closed', () => {
    const { source, pressure } = rig();
    const stream = new SlowStream();
    stream.isClosed = true;
    pressure.hold(stream);
    expect(source.pause).not.toHaveBeenCalled();
  });
});
