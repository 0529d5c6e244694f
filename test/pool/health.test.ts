import { beforeEach, describe, expect, it } from '@jest/globals';
import { Health, type Pinged } from '../../src/pool/health.ts';

const intervalMs = 1000;

class FakeServer implements Pinged {
  messages = 0;
  pings = 0;

  ping(): void {
    this.pings += 1;
  }
}

let server: FakeServer;
let health: Health;

beforeEach(() => {
  server = new FakeServer();
  health = new Health(server, intervalMs, 0);
});

/** It was asked at 0 and has answered at once: it is known to answer pings. */
function known(): void {
  health.check(0, true);
  server.messages += 1;
  health.check(0, true);
  server.pings = 0;
}

describe('Health.check()', () => {
  it('asks a server for the first time as soon as it is idle', () => {
    expect([health.check(200, true), server.pings]).toEqual([true, 1]);
  });

  it('does not ask one that is at work', () => {
    health.check(200, false);
    health.check(5000, false);
    expect(server.pings).toBe(0);
  });

  it('asks once, and then waits for a word', () => {
    health.check(200, true);
    health.check(400, true);
    health.check(600, false);
    expect(server.pings).toBe(1);
  });

  it('asks again when it was silent for the interval', () => {
    known();
    health.check(999, true);
    expect(server.pings).toBe(0);
    health.check(1000, true);
    expect(server.pings).toBe(1);
  });

  it('does not ask one that speaks by itself', () => {
    known();
    for (let now = 500; now < 10_000; now += 500) {
      server.messages += 1;
      health.check(now, true);
    }
    expect(server.pings).toBe(0);
  });

  it('finds one dead that knows pings and leaves one without a word for the interval', () => {
    known();
    health.check(1000, true);
    expect([health.check(1999, true), health.check(2000, true)]).toEqual([true, false]);
  });

  it('takes any message for an answer', () => {
    known();
    health.check(1000, true);
    server.messages += 1;
    expect(health.check(5000, true)).toBe(true);
  });

  it('gives one that got a call after the ping the time that it needs', () => {
    known();
    health.check(1000, true);
    expect(health.check(60_000, false)).toBe(true);
    expect(health.check(60_200, true)).toBe(false);
  });

  it('lets one live that has never answered a ping', () => {
    health.check(0, true);
    expect(health.check(100_000, true)).toBe(true);
  });

  it('finds one dead that has never answered a ping and leaves a call without an answer as well', () => {
    health.check(0, true);
    health.suspect();
    expect(health.check(1000, true)).toBe(false);
  });
});

describe('Health.suspect()', () => {
  it('holds until the server says something', () => {
    known();
    health.suspect();
    expect(health.isSuspect).toBe(true);
    server.messages += 1;
    expect(health.isSuspect).toBe(false);
  });

  it('has it asked at once, whether it is at work or not', () => {
    known();
    health.suspect();
    health.check(200, false);
    expect(server.pings).toBe(1);
  });

  it('is over with the next check after a word', () => {
    known();
    health.suspect();
    health.check(200, true);
    server.messages += 1;
    expect([health.check(400, true), health.isSuspect]).toEqual([true, false]);
  });

  it('does not end one that is at work on another call', () => {
    known();
    health.suspect();
    health.check(200, false);
    expect(health.check(10_000, false)).toBe(true);
  });

  it('finds it dead when it has been silent for the interval and has nothing to do', () => {
    known();
    health.suspect();
    health.check(200, true);
    expect([health.check(1199, true), health.check(1200, true)]).toEqual([true, false]);
  });

  it('does not forget that a ping was answered just before', () => {
    known();
    health.check(1000, true);
    server.messages += 1;
    health.suspect();
    health.check(1200, true);
    expect(server.pings).toBe(2);
    expect(health.check(2100, true)).toBe(true);
  });
});
