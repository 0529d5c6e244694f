import { BridgeError, messageOf } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import type { Config, ServerConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { Arguments } from './args.ts';
import type { DirectClient } from './direct.ts';
import { findServer, openDirect } from './direct-client.ts';
import { stderrOf } from './errors.ts';
import { listTools } from './list-tools.ts';
import { describeEra } from './modern-line.ts';
import type { Output } from './output.ts';
import { faultsOf } from './view-faults.ts';

interface Finding {
  readonly isOk: boolean;
  readonly subject: string;
  readonly text: string;
  readonly details: readonly string[];
}

/** `gangway check [NAME]`: the file, the engine, and each server for real; one line each, ✓ or ✗ with the reason. */
export async function check(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const config = loadConfig(args.config, environment, args.overrides);
  const [name] = args.operands;
  const servers = name === undefined ? [...config.servers.values()] : [findServer(config, name)];
  const findings: Finding[] = [];
  const report = (finding: Finding): void => {
    findings.push(finding);
    if (args.isJson) return;
    output.line(`${finding.isOk ? '✓' : '✗'} ${finding.subject}: ${finding.text}`);
    for (const detail of finding.details) output.line(`    ${detail}`);
  };
  report(ok(args.config, `${config.servers.size} servers`));
  for (const server of servers) report(await checkServer(config, server, environment, output));
  if (args.isJson) output.json(findings);
  return findings.every(({ isOk }) => isOk) ? 0 : 1;
}

async function checkServer(
  config: Config,
  server: ServerConfig,
  environment: NodeJS.ProcessEnv,
  output: Output,
): Promise<Finding> {
  if (server.disabled) return wrong(server.name, `switched off: ${server.disabled.reason}`);
  const progress = (line: string): void => {
    output.complain(`    ${line}`);
  };
  try {
    const log = createLog('silent', 'json');
    const direct = await openDirect(config, { ...server, tools: undefined }, { environment, log, progress });
    try {
      const { client, engine, startMs } = direct;
      const place = engine === undefined ? '' : ` on ${engine}`;
      const tools = client.getServerCapabilities()?.tools ? await listTools(client) : [];
      const faults = server.tools ? faultsOf(server.tools, tools) : [];
      const text = `${describe(direct, tools.length)}, ${Math.round(startMs)} ms${place}`;
      const details = [...faults, await describeEra(server, direct.findEra)];
      return faults.length === 0 ? ok(server.name, text, details) : wrong(server.name, text, details);
    } finally {
      await direct.close();
    }
  } catch (error) {
    return wrong(server.name, messageOf(error), error instanceof BridgeError ? stderrOf(error) : []);
  }
}

function describe({ client, noiseLines }: DirectClient, tools: number): string {
  const { name, version } = client.getServerVersion() ?? { name: 'a server without a name', version: '' };
  const noise = noiseLines() > 0 ? `, ${noiseLines()} lines on stdout that are no messages` : '';
  return `${name} ${version}, ${tools} tools${noise}`;
}

function ok(subject: string, text: string, details: readonly string[] = []): Finding {
  return { isOk: true, subject, text, details };
}

function wrong(subject: string, text: string, details: readonly string[] = []): Finding {
  return { isOk: false, subject, text, details };
}
