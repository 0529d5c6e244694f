// A stand-in for an image classifier: it tells the format of an image and how dark it is. No learning, no dependencies.
// `node classifier.mjs [PORT]`, or PORT=9001.
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? process.env.PORT ?? 9001);
const maxBytes = 4 * 1024 * 1024;

/** Images that can be named instead of sent: what is on the internet is not fetched for anybody. */
const known = new Map([['https://images.example/pixel.png', pixel()]]);

const server = createServer((request, response) => {
  void answer(request).then(({ status, body }) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
});

server.listen(port, process.env.HOST ?? '127.0.0.1', () => {
  console.log(`classifier on http://127.0.0.1:${server.address().port}`);
});

async function answer(request) {
  if (request.method !== 'POST') return { status: 405, body: { detail: 'POST an image' } };
  if (request.url === '/classify') return classify(await bytesOf(request));
  if (request.url === '/classify-url') {
    const { url } = JSON.parse(String(await bytesOf(request)));
    const image = known.get(url);
    return image ? classify(image) : { status: 404, body: { detail: `there is no image at ${url}` } };
  }
  return { status: 404, body: { detail: `nothing is at ${request.url}` } };
}

async function bytesOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length <= maxBytes) parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The most likely label first, as a real one would answer. */
function classify(image) {
  const format = formatOf(image);
  if (format === undefined) return { status: 415, body: { detail: 'wanted a PNG, JPEG or GIF image' } };
  const darkness = image.reduce((sum, byte) => sum + (255 - byte), 0) / (255 * image.length);
  const labels = [
    { label: darkness > 0.5 ? 'night' : 'day', score: round(Math.max(darkness, 1 - darkness)) },
    { label: darkness > 0.5 ? 'day' : 'night', score: round(Math.min(darkness, 1 - darkness)) },
  ];
  return { status: 200, body: { format, bytes: image.length, labels } };
}

function formatOf(image) {
  const head = image.subarray(0, 4).toString('latin1');
  if (head === '\x89PNG') return 'png';
  if (head.startsWith('\xff\xd8')) return 'jpeg';
  return head.startsWith('GIF8') ? 'gif' : undefined;
}

function round(score) {
  return Math.round(score * 1000) / 1000;
}

function pixel() {
  return Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
}
