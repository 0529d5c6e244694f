import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { messageOf } from '../base/errors.ts';
import { isTooDeep } from './fault.ts';
import { runInTime, TookTooLong } from './in-time.ts';
import type { Json } from './json.ts';

/** Formats are for people: what they mean differs from app to app. The meta-schemas would take longer than all the rest. */
const options: Options = {
  ...{ strict: false as const, validateFormats: false, ownProperties: true },
  ...{ meta: false, validateSchema: false, logger: false as const, code: { regExp: regExp() } },
};
/** A pattern, or a long list of which no two may be alike, can take hours. */
const limitMs = 1000;

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
    try {
      return runInTime(limitMs, () => this.#judge(value));
    } catch (error) {
      if (isTooDeep(error)) return 'its schema never ends: it holds itself';
      if (error instanceof TookTooLong) return `checking it takes longer than ${limitMs} ms`;
      throw error;
    }
  }

  #judge(value: unknown): string | undefined {
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

/** Patterns are for many kinds of machine: one that is none for JavaScript is left to the app. */
function regExp(): NonNullable<NonNullable<Options['code']>['regExp']> {
  const make = (pattern: string): { test: (text: string) => boolean } => {
    for (const flags of ['u', '']) {
      try {
        return new RegExp(pattern, flags);
      } catch {
        // With "u" some escapes mean nothing, without it some mean another thing.
      }
    }
    return { test: () => true };
  };
  return Object.assign(make, { code: 'new RegExp' });
}

function describe({ instancePath, keyword, message = 'is not valid', params }: ErrorObject): string {
  const place = instancePath === '' ? '/' : instancePath;
  const detail = keyword === 'additionalProperties' ? ` ("${String(params['additionalProperty'])}")` : '';
  const allowed = keyword === 'enum' ? `: ${JSON.stringify(params['allowedValues'])}` : '';
  return `${place} ${message}${detail}${allowed}`;
}
