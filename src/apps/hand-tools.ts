import type { HandTool } from '../config/config.ts';
import type { Body, FieldWriting, Operation, Parameter } from './operation.ts';
import { annotationsOf, inputSchema } from './openapi-tools.ts';
import { styleOf } from './styles.ts';

const mediaTypes: Readonly<Record<HandTool['body'], string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data',
  text: 'text/plain',
  binary: 'application/octet-stream',
};

/** A tool that is written out in the configuration. */
export function handTool(tool: HandTool): Operation {
  const { name, description, method, path } = tool;
  const found = tool.parameters.map((each) => ({ name: each.name, schema: each.schema, isRequired: each.isRequired }));
  return {
    tool: { name, description, inputSchema: inputSchema(found), annotations: annotationsOf(method) },
    ...{ method, path, produces: [], body: bodyOf(tool) },
    parameters: tool.parameters.flatMap(({ name: argument, in: place }): Parameter[] => {
      return place === 'body' ? [] : [{ argument, name: argument, in: place, ...styleOf({}, place) }];
    }),
  };
}

function bodyOf({ parameters, body: kind }: HandTool): Body | undefined {
  const members = parameters.filter((parameter) => parameter.in === 'body');
  const [first] = members;
  if (!first) return undefined;
  const isRequired = members.some((member) => member.isRequired);
  const facts = { kind, mediaType: mediaTypes[kind], isRequired, typeArgument: undefined };
  if (kind === 'text' || kind === 'binary') return { ...facts, content: { whole: first.name }, writing: {} };
  const fields = members.map(({ name }) => ({ argument: name, name }));
  return { ...facts, content: { fields }, writing: Object.fromEntries(members.map(writingOf)) };
}

function writingOf({ name, schema }: HandTool['parameters'][number]): [string, FieldWriting] {
  const isFile = schema['contentEncoding'] === 'base64';
  const { contentMediaType } = schema;
  const mediaType = typeof contentMediaType === 'string' ? contentMediaType : undefined;
  return [name, { ...styleOf({}, 'query'), isFile, mediaType }];
}
