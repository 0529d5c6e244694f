import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { textOf } from './session.mjs';

const program = fileURLToPath(
  new URL('../inspector/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url),
);

export const usage = `\`\`\`sh
npx @modelcontextprotocol/inspector --cli http://127.0.0.1:8808/NAME/mcp --transport http --method tools/list
\`\`\``;

export const notOffered = { progress: 'its command line prints the result alone' };

/** Each run connects, asks and leaves. */
export async function connect(url, ...options) {
  const inspect = (...args) => run(['--cli', url, '--transport', 'http', '--format', 'json', ...options, ...args]);
  const callTool = async (name, args) => {
    const call = ['--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args)];
    const { result } = await inspect(...call);
    return { text: textOf(result), isError: result.isError === true };
  };
  return {
    isOneShot: true,
    first: (await callTool('echo', { text: 'hello' })).text,
    listTools: async () => (await inspect('--method', 'tools/list')).result.tools.map(({ name }) => name),
    callTool,
    close: () => undefined,
  };
}

function run(args) {
  const home = process.env.CLIENT_FOLDER;
  const options = {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home },
    maxBuffer: 256 * 1024 * 1024,
    timeout: 20_000,
  };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      if (stdout !== '') return resolve(JSON.parse(stdout));
      const words = /^\{"error".*$/m.exec(stderr)?.[0];
      const message = words ? JSON.parse(words).error.message : stderr.trim() || String(error);
      return reject(Object.assign(new Error(message), { name: `exit code ${error?.code}` }));
    });
  });
}
