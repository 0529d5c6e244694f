// The engine, seen past the bridge: what it lists, and what can be done to it by somebody else.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childrenOf, commandLines, parentOf } from './processes.mjs';

const run = promisify(execFile);

export class Engine {
  /** @type {'podman' | 'docker'} */
  kind;
  #environment;

  /** @param {'podman' | 'docker'} kind @param {NodeJS.ProcessEnv} environment says which one, should there be several */
  constructor(kind, environment = process.env) {
    this.kind = kind;
    this.#environment = environment;
  }

  /** @param {string[]} args @throws when it fails, or does not answer in 10 s */
  async ask(...args) {
    const { stdout } = await run(this.kind, args, {
      ...{ env: this.#environment, timeout: 10_000, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 },
    });
    return stdout.trim();
  }

  /** All containers of an installation of Gangway. @returns {Promise<import('./history.mjs').Listed[]>} */
  async list(instance) {
    const query = ['ps', '--all', '--no-trunc', '--filter', `label=io.gangway.instance=${instance}`, '--format'];
    return this.kind === 'podman'
      ? podmanList(await this.ask(...query, 'json'))
      : dockerList(await this.ask(...query, dockerFormat));
  }

  /** The process of the server in a container, which is the child of its init. */
  async serverPid(name) {
    return childrenOf(await this.#mainPid(name))[0];
  }

  /** conmon or containerd-shim. */
  async monitorPid(name) {
    if (this.kind === 'podman') return Number(await this.ask('inspect', '--format', '{{.State.ConmonPid}}', name));
    return parentOf(await this.#mainPid(name));
  }

  /** The engine's client, which the bridge has started. */
  clientPid(name) {
    return commandLines().find(
      ({ words }) => words[1] === 'run' && words.includes(name) && words[0].endsWith(this.kind),
    )?.pid;
  }

  async #mainPid(name) {
    return Number(await this.ask('inspect', '--format', '{{.State.Pid}}', name));
  }
}

const dockerFormat = ['.ID', '.Names', '.State', '.Label "io.gangway.server"', '.Label "io.gangway.owner"']
  .map((field) => `{{${field}}}`)
  .join('\t');

function dockerList(text) {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', name = '', state = '', server = '', owner = ''] = line.split('\t');
      return { id: id.slice(0, 12), name, state, server, owner };
    });
}

function podmanList(text) {
  return JSON.parse(text || '[]').map(({ Id, Names, State, Labels }) => ({
    ...{ id: Id.slice(0, 12), name: Names[0], state: State.toLowerCase() },
    ...{ server: Labels['io.gangway.server'], owner: Labels['io.gangway.owner'] },
  }));
}
