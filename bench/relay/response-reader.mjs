// HTTP/1.1 answers on a keep-alive connection, one after the other: fixed length or chunked.

/** @typedef {{ status: number, contentType: string, sessionId: string | undefined, body: Buffer }} Response */

const nothing = Buffer.alloc(0);

export class ResponseReader {
  #onResponse;
  #readers = {
    head: (chunk, from) => this.#readHead(chunk, from),
    body: (chunk, from) => this.#readBody(chunk, from),
    size: (chunk, from) => this.#readSize(chunk, from),
    part: (chunk, from) => this.#readPart(chunk, from),
    last: (chunk, from) => this.#readLast(chunk, from),
  };
  /** Where it is: each reader gives the place in the chunk up to which it has read. */
  #place = 'head';
  #text = '';
  /** @type {Omit<Response, 'body'>} */
  #head;
  #parts = [];
  #missing = 0;

  /** @param {(response: Response) => void} onResponse its body may be used until it returns */
  constructor(onResponse) {
    this.#onResponse = onResponse;
  }

  /** @param {Buffer} chunk may be used anew afterwards */
  push(chunk) {
    for (let at = 0; at < chunk.length;) at = this.#readers[this.#place](chunk, at);
  }

  #readHead(chunk, from) {
    const before = this.#text.length;
    this.#text += chunk.latin1Slice(from);
    const end = this.#text.indexOf('\r\n\r\n');
    if (end === -1) return chunk.length;
    const head = this.#text.slice(0, end);
    this.#text = '';
    this.#head = {
      status: Number(head.slice(9, 12)),
      contentType: /\r\ncontent-type: *([^\r]*)/i.exec(head)?.[1] ?? '',
      sessionId: /\r\nmcp-session-id: *([^\r]*)/i.exec(head)?.[1],
    };
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    this.#missing = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#place = isChunked ? 'size' : 'body';
    if (!isChunked && this.#missing === 0) this.#finish(nothing);
    return from + end + 4 - before;
  }

  #readBody(chunk, from) {
    const end = Math.min(chunk.length, from + this.#missing);
    const piece = chunk.subarray(from, end);
    this.#missing -= piece.length;
    if (this.#missing > 0) this.#parts.push(Buffer.from(piece));
    else this.#finish(this.#parts.length === 0 ? piece : Buffer.concat([...this.#parts, piece]));
    return end;
  }

  /** The line before a part, or the empty one after the last. */
  #readSize(chunk, from) {
    const newline = chunk.indexOf(10, from);
    const end = newline === -1 ? chunk.length : newline + 1;
    this.#text += chunk.latin1Slice(from, end);
    if (newline === -1) return end;
    const line = this.#text.trim();
    this.#text = '';
    this.#missing = parseInt(line, 16);
    if (this.#missing === 0) this.#place = 'last';
    // The line break after a part is read as an empty line.
    else if (line !== '') this.#place = 'part';
    return end;
  }

  #readPart(chunk, from) {
    const end = Math.min(chunk.length, from + this.#missing);
    this.#parts.push(Buffer.from(chunk.subarray(from, end)));
    this.#missing -= end - from;
    if (this.#missing === 0) this.#place = 'size';
    return end;
  }

  #readLast(chunk, from) {
    const newline = chunk.indexOf(10, from);
    if (newline === -1) return chunk.length;
    this.#finish(this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts));
    return newline + 1;
  }

  #finish(body) {
    const head = this.#head;
    this.#parts = [];
    this.#place = 'head';
    this.#onResponse({ ...head, body });
  }
}
