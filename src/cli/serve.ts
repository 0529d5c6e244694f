import { fileURLToPath } from 'node:url';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { giveHeapRoom } from '../base/heap-growth.ts';
import { createLog, type Log } from '../base/log.ts';
import { version } from '../base/version.ts';
import { allServers, type Config } from '../config/config.ts';
import { openConfig, type ConfigFile } from '../config/load.ts';
import { ownToken } from '../engine/labels.ts';
import { LauncherKeeper } from '../launcher/keeper.ts';
import { spawnLauncher } from '../launcher/launcher-process.ts';
import { Bridge } from '../service/bridge.ts';
import { runUntilSignal } from '../service/shutdown.ts';
import { baseUrl } from './address.ts';
import type { Arguments } from './args.ts';
import { table, type Output } from './output.ts';

/** `gangway serve`: until a signal ends it. */
export async function serve(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const wanted = openConfig(args.config, environment, args.overrides);
  giveHeapRoom(systemClock);
  const log = createLog(args.logLevel, args.logFormat ?? (output.isTerminal ? 'pretty' : 'json'));
  // Before there is anything else: to start a process takes the longer, the larger the one that starts it.
  const launcher = new LauncherKeeper({ spawn: () => spawnLauncher(environment, ownToken()), clock: systemClock, log });
  try {
    return await serveWith(launcher, wanted, args, environment, output, log);
  } finally {
    launcher.close();
  }
}

async function serveWith(
  launcher: LauncherKeeper,
  wanted: ConfigFile,
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
  log: Log,
): Promise<number> {
  const file = await chooseConfig(wanted, launcher, args, environment, output);
  const around = { environment, engines: launcher, log, clock: systemClock, onProgress: progress(log, output) };
  const bridge = new Bridge(file, around);
  return runUntilSignal(bridge, log, async () => {
    const port = await bridge.start();
    if (bridge.notReady() === 'draining') return;
    const { container, missing } = bridge.engines;
    const others = bridge.engines.all().length > 0 ? 'plain processes' : 'no engine needed';
    announce(bridge.config, port, container ? `${container.kind} ${container.version}` : (missing ?? others), output);
    void bridge.openServers((name, failure) => {
      const server = bridge.config.servers.get(name);
      // A group is ready as it is: its servers are named.
      if (!server || server.disabled) return;
      output.line(failure === undefined ? `✓ ${name} is ready` : `✗ ${name}: ${failure}`);
    });
  });
}

/** The file; or, when it may be and there is no engine, the embedded examples as plain processes. */
async function chooseConfig(
  file: ConfigFile,
  launcher: LauncherKeeper,
  args: Arguments,
  environment: NodeJS.ProcessEnv,
  output: Output,
): Promise<ConfigFile> {
  if (!args.examplesWithoutEngine) return file;
  try {
    await launcher.detect(file.config.engine);
    return file;
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    output.complain(`${error.message}. Serving the embedded examples as plain processes instead.`);
    const examples = fileURLToPath(new URL('../../examples/embedded.yaml', import.meta.url));
    return openConfig(examples, environment, { ...args.overrides, allowProcess: true });
  }
}

function progress(log: Log, output: Output): (server: string, line: string) => void {
  return (server, line) => {
    if (output.isTerminal) output.complain(`  ${server}: ${line}`);
    else log.info({ server, progress: line }, 'getting the image');
  };
}

function announce({ listen, servers, groups }: Config, port: number, engine: string, output: Output): void {
  const base = baseUrl(listen.host, port);
  output.line(`Gangway ${version()} on ${base} (${engine})`);
  output.line();
  const rows = [...servers.values()].map(({ name, disabled }) => [
    `  ${name}`,
    disabled ? `off: ${disabled.reason}` : `${base}/${name}/mcp`,
  ]);
  const grouped = [...groups.keys()].map((name) =>
    name === allServers ? ['  all of them', `${base}/mcp`] : [`  ${name}`, `${base}/${name}/mcp`],
  );
  for (const line of table([...rows, ...grouped])) output.line(line);
  const first = [...servers.values()].find(({ disabled }) => !disabled);
  if (!first) return;
  output.line();
  output.line('Try it:');
  output.line(`  curl -sS ${base}/${first.name}/mcp -H 'Content-Type: application/json' \\`);
  output.line(`    -H 'Accept: application/json, text/event-stream' -d '${JSON.stringify(firstMessage)}'`);
  output.line();
}

const firstMessage = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'curl', version: '1' } },
};
