/*
 * Parsing the account's URL. See url.h.
 */
#include "cli/url.h"

#include <string.h>

#include "base/text.h"

static int bad(struct err *err, const char *why)
{
	return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "%s", why);
}

/* Percent-decoded copy, or NULL if it is malformed, not UTF-8, or holds a control character. */
static const char *decode(struct arena *a, struct slice s)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(4096);

	for (size_t i = 0; i < s.len; i++) {
		uint64_t byte = (unsigned char)s.ptr[i];

		if (s.ptr[i] == '%') {
			if (i + 2 >= s.len ||
			    !slice_hex64(slice_head(slice_from(s, i + 1), 2), &byte))
				return NULL;
			i += 2;
		}
		if (byte < 0x20 || byte == 0x7f)
			return NULL;
		buf_addc(&out, (char)byte);
	}
	if (out.failed || !utf8_valid(buf_slice(&out)))
		return NULL;
	return arena_slice(a, buf_slice(&out));
}

struct scheme {
	const char *prefix;
	bool tls;
};

static bool split_scheme(struct slice *rest, const struct scheme *schemes, bool *tls)
{
	for (; schemes->prefix; schemes++) {
		struct slice prefix = slice_str(schemes->prefix);

		if (!slice_istarts(*rest, prefix))
			continue;
		*tls = schemes->tls;
		*rest = slice_from(*rest, prefix.len);
		return true;
	}
	return false;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static int parse_host(struct slice s, struct arena *a, struct account_url *out, struct err *err)
{
	struct slice host, port = { "", 0 };
	uint64_t number;

	if (s.len > 0 && s.ptr[0] == '[') {
		ptrdiff_t close = slice_find(s, ']');

		if (close < 0)
			return bad(err, "no ']' behind the address");
		host = slice_of(s.ptr + 1, (size_t)close - 1);
		s = slice_from(s, (size_t)close + 1);
		if (s.len > 0 && s.ptr[0] != ':')
			return bad(err, "the host is malformed");
		port = slice_from(s, 1);
	} else {
		host = slice_cut(&s, ':');
		port = s;
	}
	if (host.len == 0 || slice_find(host, ' ') >= 0)
		return bad(err, "the host is missing");
	if (port.len > 0 && (!slice_u64(port, &number) || number == 0 || number > 65535))
		return bad(err, "the port is no number from 1 to 65535");
	out->host = decode(a, host);
	out->port = port.len > 0 ? arena_slice(a, port) : NULL;
	return out->host ? 0 : bad(err, "the host is malformed");
}

/* "user", "user:password" (refused) in front of the last '@'; many user names are addresses. */
static int parse_user(struct slice *authority, struct arena *a, struct account_url *out,
		      struct err *err)
{
	struct slice user;
	ptrdiff_t at = -1;

	for (size_t i = 0; i < authority->len; i++)
		if (authority->ptr[i] == '@')
			at = (ptrdiff_t)i;
	if (at < 0)
		return 0;
	if (at == 0)
		return bad(err, "the user is missing");
	user = slice_head(*authority, (size_t)at);
	if (slice_find(user, ':') >= 0)
		return bad(err, "a password does not belong into the URL, where everybody on this "
				"machine can read it: see --password-command, --password-file");
	out->user = decode(a, user);
	*authority = slice_from(*authority, (size_t)at + 1);
	return out->user ? 0 : bad(err, "the user is malformed");
}

/* Everything but the scheme. */
static int parse_rest(struct slice rest, struct arena *a, struct account_url *url, struct err *err)
{
	struct slice authority = slice_cut(&rest, '/'), path = rest;

	if (parse_user(&authority, a, url, err) != 0 || parse_host(authority, a, url, err) != 0)
		return -1;
	while (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	url->prefix = path.len > 0 ? decode(a, path) : NULL;
	if (path.len > 0 && !url->prefix)
		return bad(err, "the prefix is malformed");
	return 0;
}

static int account_url(const char *text, struct arena *a, struct account_url *url, struct err *err)
{
	static const struct scheme schemes[] = { { "imaps://", true },
						 { "imap://", false },
						 { NULL, false } };
	struct slice rest = slice_str(text);

	if (!split_scheme(&rest, schemes, &url->tls))
		return bad(err, "it must begin with imaps:// or imap://");
	if (parse_rest(rest, a, url, err) != 0)
		return -1;
	return url->user ? 0 : bad(err, "the user is missing");
}

static int pop3_url(const char *text, struct arena *a, struct account_url *url, struct err *err)
{
	static const struct scheme schemes[] = { { "pop3s://", true },
						 { "pops://", true },
						 { "pop3://", false },
						 { "pop://", false },
						 { NULL, false } };
	struct slice rest = slice_str(text);

	if (!split_scheme(&rest, schemes, &url->tls))
		return bad(err, "it must begin with pop3s:// or pop3://");
	if (parse_rest(rest, a, url, err) != 0)
		return -1;
	return url->prefix ? bad(err, "POP3 knows no folders") : 0;
}

static int explain(struct err *err, const char *option, const char *wanted)
{
	struct err why = *err;

	return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "%s: %s (wanted: %s)", option,
		       why.text, wanted);
}

int account_url_parse(const char *text, struct arena *a, struct account_url *out, struct err *err)
{
	struct account_url url = { 0 };

	if (account_url(text, a, &url, err) != 0)
		return explain(err, "--to", "imaps://user@host[:port][/prefix]");
	*out = url;
	return 0;
}

int pop3_url_parse(const char *text, struct arena *a, struct account_url *out, struct err *err)
{
	struct account_url url = { 0 };

	if (pop3_url(text, a, &url, err) != 0)
		return explain(err, "--pop3", "pop3s://[user@]host[:port]");
	*out = url;
	return 0;
}
