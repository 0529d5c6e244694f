import { BridgeError } from '../../base/errors.ts';
import { isReference, literal } from '../../config/interpolate.ts';
import { isSecret } from '../secret-values.ts';

/** One variable of a new server. */
export interface Need {
  readonly name: string;
  /** As the file has it. */
  readonly written: string;
  /** What the reference in `written` stands for; undefined when there is no need to know. */
  readonly value: string | undefined;
}

/**
 * `--env KEY=VALUE` and `--env KEY`: a secret is known here, and only referred to in the file.
 *
 * @throws {BridgeError} `CONFIG_INVALID` for what is no variable
 */
export function readNeeds(given: readonly string[], environment: NodeJS.ProcessEnv): Need[] {
  return given.map((text) => {
    const [, name = '', value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
    if (name === '') throw new BridgeError('CONFIG_INVALID', 'wanted --env KEY=VALUE, or --env KEY');
    if (value === undefined) return secretNeed(name, environment[name]);
    if (isReference(value)) return { name, written: value, value: undefined };
    return isSecret(name, value) ? secretNeed(name, value) : { name, written: literal(value), value: undefined };
  });
}

/** A variable that the file takes from the environment of Gangway. */
export function secretNeed(name: string, value: string | undefined): Need {
  return { name, written: `\${${name}}`, value };
}
