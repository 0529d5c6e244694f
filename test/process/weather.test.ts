import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { connect, RawSession, textOf, type Connected } from '../support/mcp-client.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';
import { poolOf, resultOf } from '../support/together.ts';
import { until } from '../support/until.ts';
import { buildExample, copyExample, exampleEntry } from '../support/weather-example.ts';
import { weatherService, type WeatherService } from '../support/weather-service.ts';

jest.setTimeout(60_000);

/** The example as it is shipped; it shrinks sooner, for the test to see it. */
const entry = exampleEntry('weather-process');
const soon = { downscaleDelay: '500ms', lookBack: '500ms' };
let weather: WeatherService;
let folder: ReturnType<typeof temporaryFolder>;
let bridge: Program;

beforeAll(async () => {
  weather = await weatherService();
  folder = temporaryFolder();
  copyExample(folder.path);
  buildExample(folder.path);
  const servers = { weather: { ...entry, pool: { ...entry.pool, ...soon } } };
  const env = { WEATHER_API: `http://127.0.0.1:${weather.port}` };
  bridge = await serve({ servers }, { args: ['--allow-process'], env, folder: folder.path });
  await bridge.waitForLine(/✓ weather is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
  await weather[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe('The weather example as a process', () => {
  let connected: Connected;

  beforeAll(async () => {
    connected = await connect(bridge.url, 'weather');
  });

  afterAll(async () => {
    await connected.close();
  });

  const alerts = async (state: string): Promise<{ text: string; isError: boolean }> => {
    const result = await connected.client.callTool({ name: 'get_alerts', arguments: { state } });
    return { text: textOf(result), isError: result.isError === true };
  };

  it('offers the two tools of the tutorial', async () => {
    const { tools } = await connected.client.listTools();
    expect(tools.map(({ name, inputSchema }) => [name, inputSchema.required])).toEqual([
      ['get_alerts', ['state']],
      ['get_forecast', ['latitude', 'longitude']],
    ]);
  });

  it('get_alerts gives each alert of a state', async () => {
    const { text, isError } = await alerts('ca');
    expect(isError).toBe(false);
    expect(text.split('\n---\n').map((alert) => alert.split('\n')[0])).toEqual([
      'Event: Wind Advisory',
      'Event: Coastal Flood Advisory',
    ]);
    expect(text).toContain('Area: Coastal Del Norte\nSeverity: Minor');
    expect(text.endsWith('Instructions: No specific instructions provided')).toBe(true);
  });

  it.each([
    ['HI', false, 'No active alerts for this state.'],
    ['NY', true, 'Cannot get alerts: the weather service answered 503'],
    ['TX', true, 'Cannot get alerts: the weather service answered something else'],
    ['ZZ', true, 'Cannot get alerts: the weather service has no data for it'],
  ])('get_alerts says what there is to say: %s', async (state, isError, text) => {
    expect(await alerts(state)).toEqual({ text, isError });
  });

  it('get_forecast gives the first five periods, and asks nobody but the service it was given', async () => {
    const place = { latitude: 34.05220001, longitude: -118.2437 };
    const before = weather.asked.length;
    const text = textOf(await connected.client.callTool({ name: 'get_forecast', arguments: place }));
    expect(text.split('\n---\n')).toHaveLength(5);
    expect(text.startsWith('Tonight:\nTemperature: 54°F\nWind: 0 to 5 mph N\nForecast: Mostly clear')).toBe(true);
    expect(weather.asked.slice(before)).toEqual(['/points/34.0522,-118.2437', '/gridpoints/LOX/154,44/forecast']);
  });

  it('takes no state that is none, and no place that is nowhere', async () => {
    const results = await Promise.all([
      connected.client.callTool({ name: 'get_alerts', arguments: { state: '../..' } }),
      connected.client.callTool({ name: 'get_forecast', arguments: { latitude: 91, longitude: 0 } }),
    ]);
    expect(results.map((result) => result.isError)).toEqual([true, true]);
  });
});

describe('The pool of the weather example', () => {
  const sessions: RawSession[] = [];

  afterEach(async () => {
    weather.release();
    await Promise.all(sessions.splice(0).map((session) => session.delete()));
  });

  const ready = async (): Promise<number> => (await poolOf(bridge, 'weather')).ready;

  it('has two processes, as many as 160 requests at a time ask for at 50 each, and two again; all are answered', async () => {
    await until('two processes', async () => (await ready()) === 2);
    sessions.push(...(await Promise.all(Array.from({ length: 160 }, () => RawSession.open(bridge.url, 'weather')))));
    weather.hold();
    const calls = sessions.map((session) => session.call('get_alerts', { state: 'HI' }));
    await until('all of them to be under way', () => weather.held === 160);
    await until('ceil(160 / 50) processes', async () => (await ready()) === 4, { limitMs: 20_000 });
    weather.release();
    const texts = (await Promise.all(calls)).map((answer) => resultOf(answer));
    expect(new Set(texts)).toEqual(new Set(['No active alerts for this state.']));
    await until('two processes again', async () => (await ready()) === 2, { limitMs: 20_000 });
  });
});
