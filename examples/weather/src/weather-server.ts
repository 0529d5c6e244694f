import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Alert, Period, WeatherApi } from './weather-api.ts';

/** As many periods of half a day as an answer has. */
const maxPeriods = 5;

/** Two tools over an API. They keep nothing between two calls, so many clients can share one process. */
export function weatherServer(api: WeatherApi): McpServer {
  const server = new McpServer({ name: 'weather', version: '1.0.0' });

  server.registerTool(
    'get_alerts',
    {
      title: 'Weather alerts',
      description: 'Get the active weather alerts for a state of the United States.',
      inputSchema: {
        state: z
          .string()
          .trim()
          .regex(/^[A-Za-z]{2}$/)
          .describe('Two-letter code of the state, such as CA or NY'),
      },
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    ({ state }, { signal }) =>
      answer(async () => {
        const alerts = await api.alerts(state.toUpperCase(), signal);
        return alerts.length === 0 ? 'No active alerts for this state.' : alerts.map(describeAlert).join('\n---\n');
      }),
  );

  server.registerTool(
    'get_forecast',
    {
      title: 'Weather forecast',
      description: 'Get the weather forecast for a place in the United States.',
      inputSchema: {
        latitude: z.number().min(-90).max(90).describe('Latitude of the place, in degrees'),
        longitude: z.number().min(-180).max(180).describe('Longitude of the place, in degrees'),
      },
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    ({ latitude, longitude }, { signal }) =>
      answer(async () => {
        const periods = await api.forecast(latitude, longitude, signal);
        return periods.slice(0, maxPeriods).map(describePeriod).join('\n---\n');
      }),
  );

  return server;
}

/** What went wrong is an answer as well, and says so: a model can tell it from the weather. */
async function answer(text: () => Promise<string>): Promise<CallToolResult> {
  try {
    return { content: [{ type: 'text', text: await text() }] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { content: [{ type: 'text', text: why }], isError: true };
  }
}

function describeAlert({ event, areaDesc, severity, description, instruction }: Alert): string {
  return [
    `Event: ${event ?? 'Unknown'}`,
    `Area: ${areaDesc ?? 'Unknown'}`,
    `Severity: ${severity ?? 'Unknown'}`,
    `Description: ${description ?? 'No description available'}`,
    `Instructions: ${instruction ?? 'No specific instructions provided'}`,
  ].join('\n');
}

function describePeriod(period: Period): string {
  return [
    `${period.name}:`,
    `Temperature: ${period.temperature}°${period.temperatureUnit}`,
    `Wind: ${period.windSpeed} ${period.windDirection}`,
    `Forecast: ${period.detailedForecast}`,
  ].join('\n');
}
