import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { BuiltSource } from '../engine/cli-engine.ts';
import { detectEngine } from '../engine/detect.ts';
import type { Arguments } from './args.ts';
import { findServer } from './direct-client.ts';
import type { Output } from './output.ts';

/**
 * `gangway build NAME [--push REF]`: builds the image of a `build:` or `package:` server, with the builder's own output on
 * stderr, and puts it into a registry.
 */
export async function build(args: Arguments, environment: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const [name = ''] = args.operands;
  const config = loadConfig(args.config, environment, args.overrides);
  const source = builtSource(findServer(config, name));
  const { engine } = await detectEngine(config.engine, environment, systemClock);
  const progress = (line: string): void => {
    output.complain(`  ${line}`);
  };
  try {
    const { image, id } = await engine.build(source, progress);
    if (!args.isJson) output.line(`${name}: built ${image} (${id.slice(0, 19)}) on ${engine.kind}`);
    if (args.push !== undefined) {
      await engine.push(image, args.push, progress);
      if (!args.isJson) output.line(`${name}: pushed as ${args.push}`);
    }
    if (args.isJson) output.json({ server: name, engine: engine.kind, image, id, pushed: args.push ?? null });
    return 0;
  } finally {
    engine.close();
  }
}

function builtSource({ name, source }: ServerConfig): BuiltSource {
  if (source.kind === 'build' || source.kind === 'package') return source;
  const what = source.kind === 'image' ? `its image is "${source.image}"` : 'it has no image';
  throw new BridgeError('CONFIG_INVALID', `Cannot build "${name}": ${what}, wanted a server with build or package`);
}
