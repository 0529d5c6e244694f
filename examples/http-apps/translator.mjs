// A stand-in for a translator: it knows a few words. No learning, no dependencies.
// `node translator.mjs [PORT]`, or PORT=9002.
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? process.env.PORT ?? 9002);
const maxBytes = 64 * 1024;

const words = {
  de: { good: 'guten', morning: 'Morgen', world: 'Welt', hello: 'hallo', thank: 'danke', you: 'dir' },
  fr: { good: 'bon', morning: 'matin', world: 'monde', hello: 'bonjour', thank: 'merci', you: 'à toi' },
};

const server = createServer((request, response) => {
  void answer(request).then(({ status, body }) => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
  });
});

server.listen(port, process.env.HOST ?? '127.0.0.1', () => {
  console.log(`translator on http://127.0.0.1:${server.address().port}`);
});

/** `POST /translate?to=de` with the text as its body. */
async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname !== '/translate' || request.method !== 'POST') return { status: 404, body: 'POST to /translate' };
  const language = words[searchParams.get('to')];
  if (!language) return { status: 422, body: `unknown language, wanted one of ${Object.keys(words).join(', ')}` };
  const text = await textOf(request);
  return { status: 200, body: text.replace(/\p{L}+/gu, (word) => language[word.toLowerCase()] ?? word) };
}

async function textOf(request) {
  let text = '';
  request.setEncoding('utf8');
  for await (const part of request) if (text.length < maxBytes) text += part;
  return text;
}
