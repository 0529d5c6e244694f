import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { App, isApp } from '../../src/apps/app.ts';
import { systemClock } from '../../src/base/clock.ts';
import { parseConfig } from '../../src/config/load.ts';
import { textOf, type AppRig } from '../support/app-rig.ts';
import { httpApp } from '../support/http-app.ts';
import { quietLog } from '../support/quiet-log.ts';

const guide = readFileSync(new URL('../../docs/guides/http-apps.md', import.meta.url), 'utf8');
const entries = [...guide.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);
/** Where the documents are that the guide names. */
const file = fileURLToPath(new URL('../../examples/http-apps/guide.yaml', import.meta.url));

/** The apps of one piece of the guide, opened. @param place where they are, for those that say so */
async function opened(text: string, place?: string): Promise<App[]> {
  const moved = place === undefined ? text : text.replace('http://127.0.0.1:9002', place);
  const { servers } = parseConfig(moved, file, {}, {});
  const apps = [...servers.values()]
    .filter(isApp)
    .map((server) => new App(server, { clock: systemClock, log: quietLog().log }));
  for (const app of apps) await app.open();
  return apps;
}

const call = { client: 'one', signal: new AbortController().signal, notify: () => undefined };

describe('docs/guides/http-apps.md', () => {
  it('has entries with documents that fit the documents of the example', async () => {
    const [translator, classifier] = await opened(entries[0]!);
    expect(await translator?.request('tools/list', {}, call)).toMatchObject({ tools: [{ name: 'translateText' }] });
    expect(await classifier?.request('tools/list', {}, call)).toMatchObject({
      tools: [{ name: 'classify', description: 'Says what is on an image: labels, the most likely first.' }],
    });
  });

  it('has an entry by hand that asks what the example understands', async () => {
    await using server = await httpApp((response) => response.writeHead(200, { 'content-type': 'text/plain' }).end());
    const [app] = await opened(entries[1]!, server.url);
    const given = { name: 'translate', arguments: { text: 'hello', to: 'de' } };
    const result = (await app?.request('tools/call', given, call)) as Awaited<ReturnType<AppRig['call']>>;
    expect(textOf(result)).toContain('HTTP 200');
    expect(server.heard).toMatchObject([{ method: 'POST', url: '/translate?to=de', body: 'hello' }]);
  });
});
