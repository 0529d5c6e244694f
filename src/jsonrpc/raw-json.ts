/** A JSON text that stands in a message as it was written: numbers keep their digits, texts their escapes. */
export class RawJson {
  readonly text: string;

  /** @param text a valid JSON text */
  constructor(text: string) {
    this.text = text;
  }
}

/** An object as JSON. Members that are undefined are left out, and a `RawJson` stands in it as it is. */
export function objectText(members: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(members).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [`${JSON.stringify(name)}:${value instanceof RawJson ? value.text : JSON.stringify(value)}`];
  });
  return `{${texts.join(',')}}`;
}

/**
 * The members of an object as they were written; of those with the same name the last one, as `JSON.parse` has it.
 *
 * @param json a valid JSON text of an object
 */
export function memberTexts(json: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[at] === '"') {
    const keyEnd = endOfText(json, at);
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = endOfValue(json, start);
    members.set(JSON.parse(json.slice(at, keyEnd)) as string, json.slice(start, end));
    // Past the comma; past the end of the object there is no quote.
    at = skipSpace(json, skipSpace(json, end) + 1);
  }
  return members;
}

/**
 * The elements of an array as they were written.
 *
 * @param json a valid JSON text of an array
 */
export function elementTexts(json: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (at < json.length && json[at] !== ']') {
    const end = endOfValue(json, at);
    elements.push(json.slice(at, end));
    const next = skipSpace(json, end);
    at = json[next] === ',' ? skipSpace(json, next + 1) : json.length;
  }
  return elements;
}

function skipSpace(json: string, at: number): number {
  const wanted = /[^ \t\r\n]/g;
  wanted.lastIndex = at;
  return wanted.exec(json)?.index ?? json.length;
}

function endOfValue(json: string, start: number): number {
  const first = json[start];
  if (first === '"') return endOfText(json, start);
  return first === '{' || first === '[' ? endOfNested(json, start) : endOfScalar(json, start);
}

/** @param start the index of its first quote */
function endOfText(json: string, start: number): number {
  let at = json.indexOf('"', start + 1);
  while (at !== -1 && isEscaped(json, at)) at = json.indexOf('"', at + 1);
  return at === -1 ? json.length : at + 1;
}

/** Two backslashes in a row stand for one and escape nothing. */
function isEscaped(json: string, at: number): boolean {
  let before = at;
  while (json[before - 1] === '\\') before -= 1;
  return (at - before) % 2 === 1;
}

function endOfNested(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === quote) at = endOfText(json, at) - 1;
    // `[` and `{`, `]` and `}` differ in one bit.
    else if ((code | 0x20) === openBrace) depth += 1;
    else if ((code | 0x20) === closeBrace && --depth === 0) return at + 1;
  }
  return json.length;
}

const quote = 0x22;
const openBrace = 0x7b;
const closeBrace = 0x7d;

function endOfScalar(json: string, start: number): number {
  const end = /[\s,}\]]/g;
  end.lastIndex = start;
  return end.exec(json)?.index ?? json.length;
}
