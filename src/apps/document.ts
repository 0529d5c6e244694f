import { Validator } from '@seriousme/openapi-schema-validator';
import type { ErrorObject } from 'ajv';
import { LineCounter, parseDocument as parseYaml } from 'yaml';
import { messageOf } from '../base/errors.ts';
import { DescriptionFault } from './fault.ts';
import { isObject, type Json } from './json.ts';

/** To read YAML takes fifty times as long as JSON. */
const maxYamlBytes = 2 * 1024 ** 2;

/** To make it ready for a version takes as long as a hundred documents: it is kept. */
const validator = new Validator({ allErrors: false, logger: false });

/**
 * An OpenAPI document, 3.0 or 3.1, that is valid by the schema of its version.
 *
 * @param text YAML or JSON
 * @throws {DescriptionFault} that says what is wrong, and where
 */
export async function parseDocument(text: string): Promise<Json> {
  const root = text.trimStart().startsWith('{') ? parseJson(text) : parseYamlText(text);
  if (!isObject(root)) throw new DescriptionFault('', 'it is no mapping');
  refuseVersion(root);
  const { valid, errors } = await validator.validate(root);
  validator.specification = {};
  // A text is about references: whoever follows one says where it stands, and one that nobody follows does no harm.
  if (!valid && Array.isArray(errors)) throw new DescriptionFault('', `it is not valid: ${describe(errors)}`);
  return root;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DescriptionFault('', `it is not valid JSON: ${messageOf(error)}`);
  }
}

function parseYamlText(text: string): unknown {
  if (text.length > maxYamlBytes) {
    throw new DescriptionFault('', `it has ${text.length} bytes of YAML, wanted at most ${maxYamlBytes}, or JSON`);
  }
  const lines = new LineCounter();
  const document = parseYaml(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const [broken] = document.errors;
  if (!broken) return readYaml(document);
  const { line, col } = lines.linePos(broken.pos[0]);
  throw new DescriptionFault(`line ${line}, column ${col}`, `it is not valid YAML: ${broken.message}`);
}

function readYaml(document: ReturnType<typeof parseYaml>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw new DescriptionFault('', `it is not valid YAML: ${messageOf(error)}`);
  }
}

function refuseVersion({ openapi, swagger }: Json): void {
  if (typeof openapi === 'string' && /^3\.[01]\./.test(openapi)) return;
  const written = openapi === undefined ? 'absent' : JSON.stringify(openapi);
  const found = typeof swagger === 'string' ? `Swagger ${swagger}` : `openapi: ${written}`;
  throw new DescriptionFault('', `it is ${found.slice(0, 60)}, wanted OpenAPI 3.0 or 3.1`);
}

/** Where several readings were tried, the one that got furthest says most. */
function describe(errors: readonly ErrorObject[]): string {
  const [deepest] = [...errors].sort((a, b) => depthOf(b) - depthOf(a));
  if (!deepest) return 'nobody says why';
  const { instancePath, message = 'is not valid', params } = deepest;
  const names = [params['additionalProperty'], params['unevaluatedProperty']].filter(
    (name) => typeof name === 'string',
  );
  const detail = names.length > 0 ? ` ("${names.join('", "')}")` : '';
  return `${instancePath === '' ? 'it' : readable(instancePath)} ${message}${detail}`;
}

function depthOf({ instancePath }: ErrorObject): number {
  return instancePath.split('/').length;
}

function readable(pointer: string): string {
  const steps = pointer.slice(1).split('/');
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')).join('.');
}
