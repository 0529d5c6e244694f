import { z } from 'zod';

/** Whom the service may write to when we do something wrong; it refuses requests without. */
const userAgent = 'gangway-weather-example/1.0';
const timeoutMs = 30_000;

const alert = z.object({
  event: z.string().nullish(),
  areaDesc: z.string().nullish(),
  severity: z.string().nullish(),
  description: z.string().nullish(),
  instruction: z.string().nullish(),
});
const alerts = z.object({ features: z.array(z.object({ properties: alert })) });
const point = z.object({ properties: z.object({ forecast: z.url() }) });
const period = z.object({
  name: z.string(),
  temperature: z.number(),
  temperatureUnit: z.string(),
  windSpeed: z.string(),
  windDirection: z.string(),
  detailedForecast: z.string(),
});
const forecast = z.object({ properties: z.object({ periods: z.array(period) }) });

export type Alert = z.infer<typeof alert>;
export type Period = z.infer<typeof period>;

/** The HTTP API of the US National Weather Service, https://www.weather.gov/documentation/services-web-api */
export class WeatherApi {
  readonly #base: string;

  /** @param base of all its URLs */
  constructor(base: string) {
    this.#base = base.replace(/\/+$/, '');
  }

  /**
   * The active alerts of a state.
   *
   * @param state two capital letters
   * @throws {Error} that says why there are none to be had
   */
  async alerts(state: string, signal: AbortSignal): Promise<Alert[]> {
    const { features } = await this.#get(`/alerts/active/area/${state}`, alerts, 'alerts', signal);
    return features.map(({ properties }) => properties);
  }

  /**
   * The forecast for a place, half a day after the other.
   *
   * @throws {Error} that says why there is none to be had
   */
  async forecast(latitude: number, longitude: number, signal: AbortSignal): Promise<Period[]> {
    const place = `${degrees(latitude)},${degrees(longitude)}`;
    const { properties } = await this.#get(`/points/${place}`, point, 'a forecast for this place', signal);
    // Whatever host the answer names: we speak to ours alone.
    const { pathname } = new URL(properties.forecast);
    return (await this.#get(pathname, forecast, 'the forecast', signal)).properties.periods;
  }

  async #get<T>(path: string, schema: z.ZodType<T>, what: string, signal: AbortSignal): Promise<T> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}${path}`, {
        headers: { 'User-Agent': userAgent, Accept: 'application/geo+json' },
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch {
      throw new Error(`Cannot get ${what}: the weather service does not answer`);
    }
    if (response.status === 404) throw new Error(`Cannot get ${what}: the weather service has no data for it`);
    if (!response.ok) throw new Error(`Cannot get ${what}: the weather service answered ${response.status}`);
    const { data } = schema.safeParse(await response.json().catch(() => undefined));
    if (data === undefined) throw new Error(`Cannot get ${what}: the weather service answered something else`);
    return data;
  }
}

/** With the four decimals that the service takes; it redirects for more, and for zeros at the end. */
function degrees(value: number): string {
  return String(Number(value.toFixed(4)));
}
