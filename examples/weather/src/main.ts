import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { WeatherApi } from './weather-api.ts';
import { weatherServer } from './weather-server.ts';

// stdout belongs to the protocol: whatever is to be said to people goes to stderr.
const api = new WeatherApi(process.env['WEATHER_API'] ?? 'https://api.weather.gov');
await weatherServer(api).connect(new StdioServerTransport());
