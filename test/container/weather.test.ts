import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, it, jest } from '@jest/globals';
import { containersOf, imagesBuiltFrom, imageUser, removeImage, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine, type EngineName } from '../support/engines.ts';
import { connect, textOf } from '../support/mcp-client.ts';
import { serve, temporaryFolder } from '../support/program.ts';
import { poolOf } from '../support/together.ts';
import { until } from '../support/until.ts';
import { copyExample, exampleEntry } from '../support/weather-example.ts';
import { weatherService } from '../support/weather-service.ts';

jest.setTimeout(2 * containerTestMs);

/** Where a container on the engine's default network finds this machine. */
function hostSeenFrom(engine: EngineName): string {
  if (engine === 'podman') return 'host.containers.internal';
  const format = '{{range .IPAM.Config}}{{.Gateway}}{{end}}';
  return execFileSync(engine, ['network', 'inspect', 'bridge', '--format', format], { encoding: 'utf8' }).trim();
}

describeEachEngine('The weather example as an image', (engine) => {
  it('is built, runs as nobody in two containers, and answers twenty clients', async () => {
    using folder = temporaryFolder();
    await using weather = await weatherService('0.0.0.0');
    const name = `gangway-test-weather-${engine}`;
    const context = path.join(folder.path, name);
    copyExample(context);
    const servers = { weather: { ...exampleEntry('weather'), build: `./${name}`, startTimeout: '60s' } };
    const env = { WEATHER_API: `http://${hostSeenFrom(engine)}:${weather.port}` };
    try {
      await using bridge = await serve(
        { defaults: uncounted, servers },
        { args: ['--engine', engine], env, folder: folder.path },
      );
      await bridge.waitForLine(/✓ weather is ready/, containerTestMs);
      await until('two containers', async () => (await poolOf(bridge, 'weather')).ready === 2, { limitMs: 60_000 });
      const texts = await Promise.all(
        Array.from({ length: 20 }, async () => {
          await using connected = await connect(bridge.url, 'weather');
          return textOf(await connected.client.callTool({ name: 'get_alerts', arguments: { state: 'HI' } }));
        }),
      );
      expect(new Set(texts)).toEqual(new Set(['No active alerts for this state.']));
      expect(weather.asked).toHaveLength(20);
      expect(await containersOf(engine, (await bridge.status()).instance)).toHaveLength(2);
      const [image = ''] = await imagesBuiltFrom(engine, name);
      expect(await imageUser(engine, image)).toBe('1000:1000');
    } finally {
      for (const image of await imagesBuiltFrom(engine, name)) await removeImage(engine, image);
    }
  });
});
