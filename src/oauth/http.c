/*
 * One POST, one answer. See http.h.
 */
#include "oauth/http.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "net/stream.h"
#include "net/wait.h"

#define CONNECT_TIMEOUT_MS 20000
#define ANSWER_TIMEOUT_MS  30000 /* from the connection to the end of the answer */
#define RECEIVED_MAX	   (HTTP_HEADER_MAX + 2 * HTTP_BODY_MAX) /* chunks have a frame */
#define READ_SIZE	   4096
#define CHUNK_LINE_MAX	   200

/* ---- addresses ---- */

static bool is_name(struct slice host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '-'))
			return false;
	}
	return host.len > 0 && host.len < 254;
}

/* What stands in a request line as it is. */
static bool is_path(struct slice path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || path.ptr[i] == '#')
			return false;
	return true;
}

static bool is_port(struct slice port)
{
	uint64_t n;

	return slice_u64(port, &n) && n > 0 && n < 65536;
}

bool http_url_parse(struct slice text, struct http_url *out)
{
	struct http_url url = { .port = SLICE_LIT("443"), .path = SLICE_LIT("/") };
	ptrdiff_t slash;

	url.tls = slice_istarts(text, SLICE_LIT("https://"));
	if (!url.tls && !slice_istarts(text, SLICE_LIT("http://")))
		return false;
	text = slice_from(text, url.tls ? strlen("https://") : strlen("http://"));
	slash = slice_find(text, '/');
	if (slash >= 0) {
		url.path = slice_from(text, (size_t)slash);
		text = slice_head(text, (size_t)slash);
	}
	if (!url.tls)
		url.port = SLICE_LIT("80");
	if (slice_find(text, ':') >= 0) {
		url.host = slice_cut(&text, ':');
		url.port = text;
	} else
		url.host = text;
	if (!is_name(url.host) || !is_port(url.port) || !is_path(url.path))
		return false;
	if (!url.tls && !slice_eq(url.host, SLICE_LIT("127.0.0.1")))
		return false;
	*out = url;
	return true;
}

/* ---- the answer ---- */

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER, "the answer is no HTTP: %s",
		       what);
}

static int cut_off(struct err *err)
{
	return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_LATER,
		       "the server closed the connection before its answer was whole");
}

static int too_long(struct err *err)
{
	return err_set(err, ERR_LIMIT, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the answer is longer than %u bytes", HTTP_BODY_MAX);
}

struct head {
	int status;
	bool chunked, has_length;
	uint64_t length;
};

static bool read_field(struct head *h, struct slice line)
{
	struct slice name = slice_cut(&line, ':'), value = slice_trim(line);

	if (slice_ieq(name, SLICE_LIT("Content-Length"))) {
		h->has_length = true;
		return slice_u64(value, &h->length);
	}
	if (slice_ieq(name, SLICE_LIT("Transfer-Encoding"))) {
		h->chunked = true;
		return slice_ieq(value, SLICE_LIT("chunked"));
	}
	return true;
}

/* The lines up to the empty one: 1, 0 when that has not come, -1. */
static int read_head(struct slice *rest, struct head *h, struct err *err)
{
	ptrdiff_t end = slice_ifind(*rest, SLICE_LIT("\r\n\r\n"));
	struct slice lines, line;
	uint64_t status;

	if (end < 0)
		return rest->len > HTTP_HEADER_MAX ? bad(err, "a header without end") : 0;
	lines = slice_head(*rest, (size_t)end);
	*rest = slice_from(*rest, (size_t)end + 4);
	*h = (struct head){ 0 };
	if (!slice_line(&lines, &line) || !slice_starts(line, SLICE_LIT("HTTP/1.")) ||
	    line.len < 12 || !slice_u64(slice_head(slice_from(line, 9), 3), &status))
		return bad(err, "no status line");
	h->status = (int)status;
	while (slice_line(&lines, &line))
		if (!read_field(h, line))
			return bad(err, "a header field that cannot be read");
	return 1;
}

/* A chunk's size; extensions behind ';' are nothing to us. */
static bool chunk_size(struct slice line, uint64_t *size)
{
	return slice_hex64(slice_trim(slice_cut(&line, ';')), size);
}

/* 1: all chunks are there, 0, -1. */
static int read_chunks(struct slice rest, struct buf *body, struct err *err)
{
	for (;;) {
		ptrdiff_t end = slice_find(slice_head(rest, CHUNK_LINE_MAX), '\n');
		uint64_t size;

		if (end < 0)
			return rest.len >= CHUNK_LINE_MAX ? bad(err, "a chunk without size") : 0;
		if (!chunk_size(slice_head(rest, (size_t)end), &size))
			return bad(err, "a chunk without size");
		rest = slice_from(rest, (size_t)end + 1);
		if (size == 0)
			return 1;
		if (size > HTTP_BODY_MAX)
			return too_long(err);
		if (rest.len < size + 2)
			return 0;
		buf_add_slice(body, slice_head(rest, size));
		if (body->failed)
			return too_long(err);
		rest = slice_from(rest, size + 2);
	}
}

static int read_body(const struct head *h, struct slice rest, bool ended, struct buf *body,
		     struct err *err)
{
	int got = ended;

	buf_reset(body);
	if (h->chunked)
		return read_chunks(rest, body, err);
	if (h->has_length) {
		if (h->length > HTTP_BODY_MAX)
			return too_long(err);
		got = rest.len >= h->length;
		rest = slice_head(rest, h->length);
	}
	buf_add_slice(body, rest);
	return body->failed ? too_long(err) : got;
}

int http_answer_read(struct slice got, bool ended, int *status, struct buf *body, struct err *err)
{
	struct head h;
	int whole;

	do { /* "100 Continue" and the like go before the answer */
		whole = read_head(&got, &h, err);
	} while (whole > 0 && h.status / 100 == 1);
	if (whole > 0)
		whole = read_body(&h, got, ended, body, err);
	if (whole == 0 && ended)
		return cut_off(err);
	if (whole > 0)
		*status = h.status;
	return whole;
}

/* ---- the conversation ---- */

struct exchange {
	struct stream *stream;
	int64_t deadline;
	struct buf received;
};

static void exchange_end(struct exchange *x)
{
	stream_close(x->stream);
	buf_wipe(&x->received);
}

static int wait_until(struct exchange *x, bool want_write, struct err *err)
{
	int got;

	if (!want_write && stream_has_pending(x->stream))
		return 0;
	got = wait_for(stream_fd(x->stream), stream_events(x->stream, want_write), x->deadline,
		       err);
	if (got == 0)
		return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_LATER,
			       "no whole answer within %d s", ANSWER_TIMEOUT_MS / 1000);
	return got < 0 ? -1 : 0;
}

static int send_all(struct exchange *x, struct slice bytes, struct err *err)
{
	while (bytes.len > 0) {
		ssize_t n = stream_write(x->stream, bytes.ptr, bytes.len, err);

		if (n < 0 || (n == 0 && wait_until(x, true, err) < 0))
			return -1;
		bytes = slice_from(bytes, (size_t)n);
	}
	return 0;
}

/* 1: octets have come, 0: the end, -1. */
static int receive(struct exchange *x, struct err *err)
{
	char *room = buf_room(&x->received, READ_SIZE);
	ssize_t n = 0;

	if (!room)
		return too_long(err);
	while (n == 0) {
		n = stream_read(x->stream, room, READ_SIZE, err);
		if (n < 0)
			return err->code == ERR_EOF ? 0 : -1;
		if (n == 0 && wait_until(x, false, err) < 0)
			return -1;
	}
	x->received.len += (size_t)n;
	return 1;
}

static int take_answer(struct exchange *x, int *status, struct buf *body, struct err *err)
{
	int got, more;

	do {
		more = receive(x, err);
		if (more < 0)
			return -1;
		got = http_answer_read(buf_slice(&x->received), more == 0, status, body, err);
	} while (got == 0);
	return got < 0 ? -1 : 0;
}

static void write_request(struct buf *b, const struct http_url *url, struct slice form)
{
	/* room first: a buffer that grows leaves a copy of the form behind */
	if (!buf_room(b, url->path.len + url->host.len + form.len + 512))
		return;
	buf_adds(b, "POST ");
	buf_add_slice(b, url->path);
	buf_adds(b, " HTTP/1.1\r\nHost: ");
	buf_add_slice(b, url->host);
	if (!slice_eq(url->port, url->tls ? SLICE_LIT("443") : SLICE_LIT("80"))) {
		buf_addc(b, ':');
		buf_add_slice(b, url->port);
	}
	buf_addf(b,
		 "\r\nUser-Agent: mailhoist/" MAILHOIST_VERSION "\r\nAccept: application/json\r\n"
		 "Content-Type: application/x-www-form-urlencoded\r\n"
		 "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		 form.len);
	buf_add_slice(b, form);
}

static int connect_to(const struct http_url *url, const char *ca_file, struct exchange *x,
		      struct err *err)
{
	CLEANUP(buf_release) struct buf host = BUF_INIT(256);
	CLEANUP(buf_release) struct buf port = BUF_INIT(16);
	struct stream_options options = { .tls = url->tls,
					  .ca_file = ca_file,
					  .connect_timeout_ms = CONNECT_TIMEOUT_MS };

	buf_add_slice(&host, url->host);
	buf_add_slice(&port, url->port);
	options.host = buf_cstr(&host);
	options.port = buf_cstr(&port);
	if (!options.host || !options.port)
		return err_nomem(err);
	if (stream_connect(&options, &x->stream, err) < 0)
		return -1;
	x->deadline = time_monotonic_ms() + ANSWER_TIMEOUT_MS;
	return 0;
}

int http_post(const char *url, struct slice form, const char *ca_file, int *status,
	      struct buf *body, struct err *err)
{
	CLEANUP(exchange_end) struct exchange x = { .received = BUF_INIT(RECEIVED_MAX) };
	CLEANUP(buf_wipe) struct buf request = BUF_INIT(HTTP_BODY_MAX);
	struct http_url to;

	if (!http_url_parse(slice_str(url), &to))
		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
			       "'%.200s' is no https:// address", url);
	write_request(&request, &to, form);
	if (buf_ok(&request, "the request", err) < 0)
		return -1;
	if (connect_to(&to, ca_file, &x, err) < 0)
		return -1;
	if (send_all(&x, buf_slice(&request), err) < 0 || take_answer(&x, status, body, err) < 0)
		return err_prefix(err, "%.*s", (int)to.host.len, to.host.ptr);
	return 0;
}
