import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { messageOf } from '../base/errors.ts';
import type { Json } from './json.ts';

/** Formats are for people: what they mean differs from app to app. The meta-schemas would take longer than all the rest. */
const options: Options = {
  ...{ strict: false as const, validateFormats: false, unicodeRegExp: false },
  ...{ meta: false, validateSchema: false, logger: false as const },
};

/** Says whether values fit one schema. It is made ready when it is used for the first time: a document has many. */
export class SchemaCheck {
  readonly #schema: Json;
  #validate: ValidateFunction | undefined;
  #fault: string | undefined;

  constructor(schema: Json) {
    this.#schema = schema;
  }

  /** Why a value does not fit, with the place in it; undefined when it does. */
  misfit(value: unknown): string | undefined {
    const validate = this.#ready();
    if (!validate) return this.#fault;
    if (validate(value)) return undefined;
    return (validate.errors ?? []).map(describe).join('; ');
  }

  #ready(): ValidateFunction | undefined {
    if (this.#validate || this.#fault !== undefined) return this.#validate;
    try {
      this.#validate = new Ajv2020(options).compile(this.#schema);
    } catch (error) {
      this.#fault = `its schema is not valid: ${messageOf(error)}`;
    }
    return this.#validate;
  }
}

function describe({ instancePath, keyword, message = 'is not valid', params }: ErrorObject): string {
  const place = instancePath === '' ? '/' : instancePath;
  const detail = keyword === 'additionalProperties' ? ` ("${String(params['additionalProperty'])}")` : '';
  const allowed = keyword === 'enum' ? `: ${JSON.stringify(params['allowedValues'])}` : '';
  return `${place} ${message}${detail}${allowed}`;
}
