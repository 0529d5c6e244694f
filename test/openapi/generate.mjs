// Makes a client from an OpenAPI document, type-checks it, and calls tools with it: node generate.mjs URL FOLDER
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createClient } from '@hey-api/openapi-ts';

const [url = '', folder = ''] = process.argv.slice(2);
const typescript = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));

await createClient({
  input: url,
  output: { path: path.join(folder, 'client') },
  logs: { level: 'silent', file: false, path: folder },
});
writeFileSync(
  path.join(folder, 'use.ts'),
  `import { client } from './client/client.gen';
import { compare, forecast, fails } from './client/sdk.gen';

export async function use(baseUrl: string) {
  client.setConfig({ baseUrl });
  const { data } = await forecast({ body: { city: 'Lisbon' } });
  const compared = await compare({ body: { places: [{ city: 'Lisbon', near: { city: 'Sintra' } }, { city: 'Oslo' }] } });
  const warmest: string | undefined = compared.data?.structuredContent?.warmest;
  // @ts-expect-error: the schema wants a text
  const refused = await forecast({ body: { city: 7 } });
  const failed = await fails({ body: {} });
  return { text: data?.content[0]?.text, warmest, refused: refused.error?.code, failed: failed.response?.status };
}
`,
);
writeFileSync(path.join(folder, 'package.json'), '{"type":"commonjs"}');
const options = { target: 'es2022', module: 'nodenext', outDir: path.join(folder, 'out'), strict: true, skipLibCheck: true, types: [] }; // prettier-ignore
writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['use.ts'] }));
execFileSync(process.execPath, [typescript, '-p', folder], { stdio: ['ignore', 2, 2] });
const { use } = await import(pathToFileURL(path.join(folder, 'out/use.js')).href);
process.stdout.write(JSON.stringify(await use(new URL('.', url).href.replace(/\/$/, ''))));
