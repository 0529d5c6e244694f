/* The stdio MCP server behind every bridge that is measured: as cheap as one can be, so that the bridge is what is seen.
 * Tools: echo {text}, slow {text, ms}, steps {text, count} (progress, then the answer), fill {bytes}.
 * What it answers to one read leaves in one write; slow calls wait in a queue, by the time at which they are due. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct { const char *at; size_t length; } Span;
typedef struct Later { double dueMs; char *line; size_t length; struct Later *next; } Later;
typedef struct { char *at; size_t used, size; } Buffer;

static Buffer in, out;
static Later *queue;

static double nowMs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void reserve(Buffer *buffer, size_t more) {
  if (buffer->used + more <= buffer->size) return;
  while (buffer->used + more > buffer->size) buffer->size = buffer->size ? buffer->size * 2 : 1 << 16;
  buffer->at = realloc(buffer->at, buffer->size);
  if (!buffer->at) exit(1);
}

static void put(const char *at, size_t length) {
  reserve(&out, length);
  memcpy(out.at + out.used, at, length);
  out.used += length;
}

static void say(const char *format, ...) {
  char text[1024];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(text, sizeof text, format, values);
  va_end(values);
  if (length >= (int)sizeof text) exit(1);
  put(text, length);
}

static void flush(void) {
  for (size_t done = 0; done < out.used;) {
    ssize_t n = write(1, out.at + done, out.used - done);
    if (n <= 0) exit(0);
    done += n;
  }
  out.used = 0;
}

static const char *skipString(const char *p, const char *end) {
  for (p++; p < end; p++) {
    const char *quote = memchr(p, '"', end - p);
    if (!quote) return end;
    size_t escapes = 0;
    while (quote - escapes > p && quote[-1 - (long)escapes] == '\\') escapes++;
    p = quote;
    if (escapes % 2 == 0) return p + 1;
  }
  return end;
}

static const char *skipValue(const char *p, const char *end) {
  int depth = 0;
  while (p < end) {
    if (*p == '"') p = skipString(p, end);
    else if (*p == '{' || *p == '[') depth++, p++;
    else if (*p == '}' || *p == ']') {
      if (depth == 0) return p;
      depth--, p++;
    } else if (*p == ',' && depth == 0) return p;
    else p++;
    if (depth == 0 && p < end && (*p == ',' || *p == '}' || *p == ']')) return p;
  }
  return end;
}

/* The value of a member of an object, as it stands there; empty when there is none. */
static Span member(Span object, const char *key) {
  const char *p = object.at, *end = object.at + object.length;
  size_t length = strlen(key);
  if (object.length == 0 || *p != '{') return (Span){0};
  for (p++; p < end && *p != '}';) {
    while (p < end && (*p == ' ' || *p == ',')) p++;
    const char *name = p + 1;
    p = skipString(p, end);
    int isIt = (size_t)(p - 1 - name) == length && memcmp(name, key, length) == 0;
    while (p < end && (*p == ' ' || *p == ':')) p++;
    const char *value = p;
    p = skipValue(p, end);
    if (isIt) return (Span){value, p - value};
  }
  return (Span){0};
}

static int is(Span span, const char *text) {
  return span.length == strlen(text) && memcmp(span.at, text, span.length) == 0;
}

static long number(Span span) {
  return span.length ? strtol(span.at, NULL, 10) : 0;
}

static void answer(Span id, Span text) {
  say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[{\"type\":\"text\",\"text\":", (int)id.length, id.at);
  put(text.at, text.length);
  say("}]}}\n");
}

/* What was said since `from` is said later. */
static void postpone(size_t from, long ms) {
  Later *later = malloc(sizeof *later), **place = &queue;
  *later = (Later){nowMs() + ms, malloc(out.used - from), out.used - from, NULL};
  memcpy(later->line, out.at + from, later->length);
  out.used = from;
  static Later *last;
  if (queue && last->dueMs <= later->dueMs) place = &last->next;
  while (*place && (*place)->dueMs <= later->dueMs) place = &(*place)->next;
  later->next = *place;
  *place = later;
  if (!later->next) last = later;
}

static void sayWhatIsDue(void) {
  for (double now = nowMs(); queue && queue->dueMs <= now;) {
    Later *due = queue;
    put(due->line, due->length);
    queue = due->next;
    free(due->line);
    free(due);
  }
}

static void callTool(Span id, Span params) {
  Span name = member(params, "name"), arguments = member(params, "arguments"), text = member(arguments, "text");
  size_t from = out.used;
  if (is(name, "\"steps\"")) {
    Span token = member(member(params, "_meta"), "progressToken");
    long count = number(member(arguments, "count"));
    for (long i = 1; i <= count && token.length; i++)
      say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%.*s,\"progress\":%ld,\"total\":%ld}}\n",
          (int)token.length, token.at, i, count);
  }
  if (is(name, "\"fill\"")) {
    long bytes = number(member(arguments, "bytes"));
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"", (int)id.length, id.at);
    reserve(&out, bytes);
    memset(out.at + out.used, 'x', bytes);
    out.used += bytes;
    say("\"}]}}\n");
    return;
  }
  answer(id, text);
  if (is(name, "\"slow\"")) postpone(from, number(member(arguments, "ms")));
}

static const char tools[] =
    "{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\"}},{\"name\":\"slow\",\"inputSchema\":{\"type\":\"object\"}},"
    "{\"name\":\"steps\",\"inputSchema\":{\"type\":\"object\"}},{\"name\":\"fill\",\"inputSchema\":{\"type\":\"object\"}}]}";

static void hear(Span line) {
  Span id = member(line, "id"), method = member(line, "method"), params = member(line, "params");
  if (id.length == 0 || method.length == 0) return;
  if (is(method, "\"tools/call\"")) return callTool(id, params);
  say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,", (int)id.length, id.at);
  if (is(method, "\"initialize\"")) {
    Span version = member(params, "protocolVersion");
    say("\"result\":{\"protocolVersion\":%.*s,\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"echo\",\"version\":\"1\"}}}\n",
        (int)version.length, version.at);
  } else if (is(method, "\"tools/list\"")) {
    say("\"result\":%s}\n", tools);
  } else if (is(method, "\"ping\"")) {
    say("\"result\":{}}\n");
  } else {
    say("\"error\":{\"code\":-32601,\"message\":\"no such method\"}}\n");
  }
}

static void hearLines(size_t seen) {
  size_t start = 0;
  char *newline;
  while ((newline = memchr(in.at + seen, '\n', in.used - seen))) {
    size_t end = newline - in.at;
    hear((Span){in.at + start, end - start});
    start = seen = end + 1;
  }
  memmove(in.at, in.at + start, in.used - start);
  in.used -= start;
}

int main(void) {
  for (struct pollfd input = {.fd = 0, .events = POLLIN};;) {
    double wait = queue ? queue->dueMs - nowMs() : -1;
    poll(&input, 1, queue ? (wait > 0 ? (int)wait + 1 : 0) : -1);
    if (input.revents) {
      reserve(&in, 1 << 18);
      ssize_t n = read(0, in.at + in.used, in.size - in.used);
      if (n <= 0) return 0;
      in.used += n;
      hearLines(in.used - n);
    }
    sayWhatIsDue();
    flush();
  }
}
