/*
 * oauth/: addresses, HTTP answers, forms, PKCE, providers, grants and what
 * authorization servers say.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oauth/form.h"
#include "oauth/http.h"
#include "oauth/login.h"
#include "oauth/store.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* ---- addresses ---- */

Test(oauth, urls)
{
	static const struct {
		const char *name, *in, *want; /* NULL: not taken */
	} rows[] = {
		{ "plain", "https://login.example/token", "tls login.example 443 /token" },
		{ "no path", "https://login.example", "tls login.example 443 /" },
		{ "port and query", "HTTPS://a.example:8443/x?y=z", "tls a.example 8443 /x?y=z" },
		{ "loopback without TLS", "http://127.0.0.1:81/t", "clear 127.0.0.1 81 /t" },
		{ "without TLS", "http://login.example/token", NULL },
		{ "looks like loopback", "http://127.0.0.1.example/token", NULL },
		{ "localhost may be anybody", "http://localhost/token", NULL },
		{ "another scheme", "ftp://login.example/", NULL },
		{ "no host", "https:///x", NULL },
		{ "user", "https://me@login.example/", NULL },
		{ "line break", "https://login.example/x\r\nHost: other", NULL },
		{ "blank", "https://login.example/x y", NULL },
		{ "fragment", "https://login.example/x#y", NULL },
		{ "port 0", "https://login.example:0/", NULL },
		{ "port 65536", "https://login.example:65536/", NULL },
		{ "two ports", "https://login.example:1:2/", NULL },
		{ "empty", "", NULL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf got = BUF_INIT(400);
		struct http_url url;

		if (!http_url_parse(slice_str(rows[i].in), &url)) {
			cr_expect_null(rows[i].want, "%s", rows[i].name);
			continue;
		}
		cr_assert_not_null(rows[i].want, "%s", rows[i].name);
		buf_adds(&got, url.tls ? "tls " : "clear ");
		buf_add_slice(&got, url.host);
		buf_addc(&got, ' ');
		buf_add_slice(&got, url.port);
		buf_addc(&got, ' ');
		buf_add_slice(&got, url.path);
		cr_expect_str_eq(buf_cstr(&got), rows[i].want, "%s", rows[i].name);
	}
}

/* ---- answers ---- */

Test(oauth, http_answers)
{
	static const struct {
		const char *name, *in;
		bool ended;
		int want, status;
		const char *body;
	} rows[] = {
		{ "length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false, 1, 200, "{}" },
		{ "more than the length", "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}xx", false,
		  1, 200, "{}" },
		{ "to the end", "HTTP/1.0 400 Bad\r\n\r\n{\"error\":1}", true, 1, 400,
		  "{\"error\":1}" },
		{ "no end yet", "HTTP/1.0 400 Bad\r\n\r\n{\"error\":1}", false, 0, 0, NULL },
		{ "chunks",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789"
		  "\r\n0\r\n\r\n",
		  false, 1, 200, "abc0123456789" },
		{ "half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
		  false, 0, 0, NULL },
		{ "after 100",
		  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		  false, 1, 200, "x" },
		{ "half a header", "HTTP/1.1 200 OK\r\nContent-", false, 0, 0, NULL },
		{ "cut off in the header", "HTTP/1.1 200 OK\r\nContent-", true, -1, 0, NULL },
		{ "cut off in the body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true, -1,
		  0, NULL },
		{ "cut off in a chunk",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", true, -1, 0,
		  NULL },
		{ "nothing", "", true, -1, 0, NULL },
		{ "another protocol", "SSH-2.0-OpenSSH\r\n\r\n", false, -1, 0, NULL },
		{ "negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, -1, 0,
		  NULL },
		{ "length of 4 GiB", "HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n", false,
		  -1, 0, NULL },
		{ "chunk of 2^64 - 1",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		  false, -1, 0, NULL },
		{ "chunk without size",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, -1, 0,
		  NULL },
		{ "another encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false,
		  -1, 0, NULL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf body = BUF_INIT(HTTP_BODY_MAX);
		struct err err = ERR_INIT;
		int status = 0;

		cr_expect_eq(http_answer_read(slice_str(rows[i].in), rows[i].ended, &status, &body,
					      &err),
			     rows[i].want, "%s: %s", rows[i].name, err.text);
		cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].name, status);
		if (rows[i].body)
			cr_expect_str_eq(buf_cstr(&body), rows[i].body, "%s", rows[i].name);
	}
}

/* A header and a body on both sides of their limits. */
Test(oauth, http_limits)
{
	static const struct {
		const char *name;
		size_t header, body;
		int want;
	} rows[] = {
		{ "largest body", 0, HTTP_BODY_MAX, 1 },
		{ "body too large", 0, HTTP_BODY_MAX + 1, -1 },
		{ "header without end", HTTP_HEADER_MAX + 1, 0, -1 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf in = BUF_INIT(1 << 20);
		CLEANUP(buf_release) struct buf body = BUF_INIT(HTTP_BODY_MAX);
		struct err err = ERR_INIT;
		int status;

		buf_adds(&in, "HTTP/1.1 200 OK\r\n");
		for (size_t n = 0; n < rows[i].header; n++)
			buf_addc(&in, 'h');
		if (rows[i].header == 0)
			buf_adds(&in, "\r\n");
		for (size_t n = 0; n < rows[i].body; n++)
			buf_addc(&in, 'b');
		cr_expect_eq(
			http_answer_read(buf_slice(&in), rows[i].header == 0, &status, &body, &err),
			rows[i].want, "%s: %s", rows[i].name, err.text);
	}
}

/* ---- forms ---- */

Test(oauth, forms)
{
	CLEANUP(buf_release) struct buf form = BUF_INIT(1000);
	CLEANUP(buf_release) struct buf value = BUF_INIT(100);

	form_add(&form, "a", SLICE_LIT("x y&z=1+\xC3\xB6/~"));
	form_add(&form, "b", SLICE_LIT(""));
	cr_expect_str_eq(buf_cstr(&form), "a=x%20y%26z%3D1%2B%C3%B6%2F~&b=");
	cr_expect_eq(form_get(buf_slice(&form), "a", &value), 1);
	cr_expect_str_eq(buf_cstr(&value), "x y&z=1+\xC3\xB6/~");
	cr_expect_eq(form_get(buf_slice(&form), "b", &value), 1);
	cr_expect_eq(value.len, 0);
	cr_expect_eq(form_get(buf_slice(&form), "c", &value), 0);
	cr_expect_eq(form_get(SLICE_LIT("x=%4"), "x", &value), -1);
	cr_expect_eq(form_get(SLICE_LIT("x=%"), "x", &value), -1);
	cr_expect_eq(form_get(SLICE_LIT("x=%zz"), "x", &value), -1);
	cr_expect_eq(form_get(SLICE_LIT("x=a+b"), "x", &value), 1);
	cr_expect_str_eq(buf_cstr(&value), "a b");
}

Test(oauth, pkce)
{
	static const uint8_t octets[] = { 116, 24,  223, 180, 151, 153, 224, 37,  79,  250, 96,
					  125, 216, 173, 187, 186, 22,	212, 37,  77,  105, 214,
					  191, 240, 91,	 88,  5,   88,	83,  132, 141, 121 };
	char text[RANDOM_WORD_LEN + 1], other[RANDOM_WORD_LEN + 1];
	struct err err = ERR_INIT;

	/* RFC 7636 appendix B */
	base64url(octets, sizeof(octets), text);
	cr_expect_str_eq(text, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	pkce_challenge(text, other);
	cr_expect_str_eq(other, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	base64url((const uint8_t *)"\xFF", 1, text);
	cr_expect_str_eq(text, "_w");
	base64url((const uint8_t *)"\xFF\xFE", 2, text);
	cr_expect_str_eq(text, "__4");

	cr_assert_eq(random_word(text, &err), 0);
	cr_assert_eq(random_word(other, &err), 0);
	cr_expect_eq(strlen(text), RANDOM_WORD_LEN);
	cr_expect_str_neq(text, other);
}

/* ---- who comes back from the browser ---- */

Test(oauth, visits)
{
	static const struct {
		const char *name, *in;
		enum visit want;
		const char *word;
	} rows[] = {
		{ "code", "GET /?code=4%2Fabc&state=right HTTP/1.1\r\n\r\n", VISIT_CODE, "4/abc" },
		{ "other order", "GET /?state=right&scope=x&code=c HTTP/1.1\r\n", VISIT_CODE, "c" },
		{ "refused", "GET /?error=access_denied&state=right HTTP/1.1\r\n", VISIT_REFUSED,
		  "access_denied" },
		{ "another page's guess", "GET /?code=evil&state=wrong HTTP/1.1\r\n", VISIT_OTHER,
		  NULL },
		{ "no state", "GET /?code=evil HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "empty state", "GET /?code=evil&state= HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "refused by somebody else", "GET /?error=access_denied HTTP/1.1\r\n", VISIT_OTHER,
		  NULL },
		{ "no code", "GET /?state=right HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "empty code", "GET /?state=right&code= HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "favicon", "GET /favicon.ico HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "another path", "GET /x?code=c&state=right HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "POST", "POST /?code=c&state=right HTTP/1.1\r\n", VISIT_OTHER, NULL },
		{ "nothing", "", VISIT_OTHER, NULL },
		{ "garbage", "\xFF\x00\r\n", VISIT_OTHER, NULL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf word = BUF_INIT(100);

		cr_expect_eq(oauth_read_visit(slice_str(rows[i].in), "right", &word), rows[i].want,
			     "%s", rows[i].name);
		if (rows[i].word)
			cr_expect_str_eq(buf_cstr(&word), rows[i].word, "%s", rows[i].name);
	}
}

/* ---- providers ---- */

#define ARENA_MAX (1u << 20)

Test(oauth, builtin_providers)
{
	static const struct {
		const char *name, *host, *tenant, *token;
		bool device;
	} rows[] = {
		{ NULL, "imap.gmail.com", NULL, "https://oauth2.googleapis.com/token", false },
		{ "google", "imap.example.org", NULL, "https://oauth2.googleapis.com/token",
		  false },
		{ NULL, "Outlook.Office365.com", NULL,
		  "https://login.microsoftonline.com/common/oauth2/v2.0/token", true },
		{ "microsoft", "x", "example.org",
		  "https://login.microsoftonline.com/example.org/oauth2/v2.0/token", true },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(ARENA_MAX);
		struct oauth_provider p;
		struct err err = ERR_INIT;

		cr_assert_eq(oauth_provider_find(oauth_providers_builtin(), rows[i].name,
						 rows[i].host, &a, &p, &err),
			     1, "%zu: %s", i, err.text);
		cr_expect_eq(oauth_provider_prepare(&p, rows[i].tenant, &a, &err), -1,
			     "a client id is built in");
		cr_expect_eq(err.code, ERR_USAGE);
		p.client_id = "mine";
		cr_assert_eq(oauth_provider_prepare(&p, rows[i].tenant, &a, &err), 0, "%s",
			     err.text);
		cr_expect_str_eq(p.token, rows[i].token);
		cr_expect_eq(p.device != NULL, rows[i].device);
		cr_expect_not_null(p.authorize);
	}
}

Test(oauth, provider_files)
{
	static const struct {
		const char *name, *file;
		int found, prepared;
		enum err_code code;
	} rows[] = {
		{ "good",
		  "# mine\n[x]\ntoken = https://a.example/t\ndevice=https://a.example/d\n"
		  "client-id = c\n[y]\nscope = s\n",
		  1, 0, ERR_NONE },
		{ "the last one, without a line end",
		  "[y]\nscope = s\n[x]\ntoken = "
		  "https://a.example/t\nauthorize=https://a.example/d\n"
		  "client-id = c",
		  1, 0, ERR_NONE },
		{ "another name", "[y]\nscope = s\n", 0, 0, ERR_NONE },
		{ "empty", "", 0, 0, ERR_NONE },
		{ "unknown key", "[x]\nfoo = bar\n", -1, 0, ERR_CONFIG },
		{ "no section", "token = https://a.example/t\n", -1, 0, ERR_CONFIG },
		{ "no value", "[x]\ntoken =\n", -1, 0, ERR_CONFIG },
		{ "no key", "[x]\nhello\n", -1, 0, ERR_CONFIG },
		{ "bracket", "[x\n", -1, 0, ERR_CONFIG },
		{ "a mistake behind it", "[x]\ntoken = https://a.example/t\n[z]\nfoo = 1\n", -1, 0,
		  ERR_CONFIG },
		{ "no token", "[x]\ndevice = https://a.example/d\nclient-id = c\n", 1, -1,
		  ERR_CONFIG },
		{ "no flow", "[x]\ntoken = https://a.example/t\nclient-id = c\n", 1, -1,
		  ERR_CONFIG },
		{ "no TLS",
		  "[x]\ntoken = http://a.example/t\ndevice = https://a.example/d\n"
		  "client-id = c\n",
		  1, -1, ERR_CONFIG },
		{ "no client", "[x]\ntoken = https://a.example/t\ndevice = https://a.example/d\n",
		  1, -1, ERR_USAGE },
		{ "back to anywhere",
		  "[x]\ntoken = https://a.example/t\ndevice = https://a.example/d\nclient-id = c\n"
		  "redirect = evil.example\n",
		  1, -1, ERR_CONFIG },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(ARENA_MAX);
		struct oauth_provider p;
		struct err err = ERR_INIT;
		int found = oauth_provider_find(slice_str(rows[i].file), "x", "h", &a, &p, &err);

		cr_expect_eq(found, rows[i].found, "%s: %s", rows[i].name, err.text);
		if (found > 0)
			cr_expect_eq(oauth_provider_prepare(&p, NULL, &a, &err), rows[i].prepared,
				     "%s: %s", rows[i].name, err.text);
		cr_expect_eq(err.code, rows[i].code, "%s: %s", rows[i].name, err.text);
	}
}

Test(oauth, tenants)
{
	static const char *const bad[] = { "", "a/b", "a?b", "a b", "a\nb", "{tenant}" };

	for (size_t i = 0; i < ROWS(bad); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(ARENA_MAX);
		struct oauth_provider p = { .name = "x", .token = "https://a.example/{tenant}" };
		struct err err = ERR_INIT;

		cr_expect_eq(oauth_provider_prepare(&p, bad[i], &a, &err), -1, "'%s'", bad[i]);
		cr_expect_eq(err.code, ERR_USAGE, "'%s'", bad[i]);
	}
}

/* ---- what authorization servers say ---- */

Test(oauth, token_answers)
{
	static const struct {
		const char *name, *in;
		int want;
		const char *access, *refresh;
		uint64_t expires;
	} rows[] = {
		{ "RFC 6749",
		  "{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"example\","
		  "\"expires_in\":"
		  "3600,\"refresh_token\":\"tGzv3JOkF0XG5Qx2TlKWIA\",\"example_parameter\":\"x\"}",
		  0, "2YotnFZFEjr1zCsicMWpAA", "tGzv3JOkF0XG5Qx2TlKWIA", 3600 },
		{ "seconds as text", "{\"access_token\":\"a\",\"expires_in\":\"3599\"}", 0, "a", "",
		  3599 },
		{ "no seconds", "{\"access_token\":\"a\"}", 0, "a", "", 0 },
		{ "odd seconds", "{\"access_token\":\"a\",\"expires_in\":-1}", 0, "a", "", 0 },
		{ "for ever", "{\"access_token\":\"a\",\"expires_in\":99999999999999}", 0, "a", "",
		  0 },
		{ "inside of something", "{\"x\":{\"access_token\":\"a\"},\"expires_in\":1}", 0, "",
		  "", 1 },
		{ "key without value", "{\"access_token\":{},\"refresh_token\":\"r\"}", 0, "", "r",
		  0 },
		{ "HTML", "<html><body>Error</body></html>", -1, NULL, NULL, 0 },
		{ "nothing", "", -1, NULL, NULL, 0 },
		{ "cut off", "{\"access_token\":\"a", -1, NULL, NULL, 0 },
		{ "an array", "[{\"access_token\":\"a\"}]", -1, NULL, NULL, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(oauth_answer_release) struct oauth_answer a;
		struct err err = ERR_INIT;

		oauth_answer_init(&a);
		cr_expect_eq(oauth_answer_read(&a, slice_str(rows[i].in), &err), rows[i].want,
			     "%s: %s", rows[i].name, err.text);
		if (rows[i].want < 0)
			continue;
		cr_expect(slice_eq(buf_slice(&a.access_token), slice_str(rows[i].access)), "%s",
			  rows[i].name);
		cr_expect(slice_eq(buf_slice(&a.refresh_token), slice_str(rows[i].refresh)), "%s",
			  rows[i].name);
		cr_expect_eq(a.expires_in, rows[i].expires, "%s", rows[i].name);
	}
}

/* Tokens on both sides of their limit. */
Test(oauth, token_too_long)
{
	for (size_t more = 0; more <= 1; more++) {
		CLEANUP(oauth_answer_release) struct oauth_answer a;
		CLEANUP(buf_release) struct buf json = BUF_INIT(1 << 20);
		struct err err = ERR_INIT;

		oauth_answer_init(&a);
		buf_adds(&json, "{\"access_token\":\"");
		for (size_t n = 0; n < OAUTH_TOKEN_MAX + more; n++)
			buf_addc(&json, 't');
		buf_adds(&json, "\"}");
		cr_expect_eq(oauth_answer_read(&a, buf_slice(&json), &err), more ? -1 : 0,
			     "%zu: %s", more, err.text);
	}
}

Test(oauth, refusals)
{
	static const struct {
		const char *name;
		int status;
		const char *in, *form;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ "words", 400,
		  "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000218\"}",
		  "client_id=c", ERR_AUTH,
		  "p refuses it: invalid_client: AADSTS7000218 (status 400)" },
		{ "none", 403, "{}", "client_id=c", ERR_AUTH,
		  "p refuses it: no reason given (status 403)" },
		{ "later", 503, "{}", "client_id=c", ERR_UNAVAILABLE,
		  "p cannot answer it: no reason given (status 503)" },
		{ "too often", 429, "{\"error\":\"slow\"}", "", ERR_UNAVAILABLE,
		  "p cannot answer it: slow (status 429)" },
		{ "control characters", 400, "{\"error\":\"a\\u001b[2J\"}", "", ERR_AUTH,
		  "p refuses it: a?[2J (status 400)" },
		{ "the refresh token", 400,
		  "{\"error\":\"e\",\"error_description\":\"bad: canary-refresh/1\"}",
		  "refresh_token=canary-refresh%2F1&scope=e", ERR_AUTH,
		  "p refuses it: e: (its words are not shown: they repeat a secret) (status 400)" },
		{ "the client's id may be shown", 400, "{\"error\":\"no client 0123456789\"}",
		  "client_id=0123456789", ERR_AUTH,
		  "p refuses it: no client 0123456789 (status 400)" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(oauth_answer_release) struct oauth_answer a;
		struct err err = ERR_INIT;

		oauth_answer_init(&a);
		a.status = rows[i].status;
		cr_assert_eq(oauth_answer_read(&a, slice_str(rows[i].in), &err), 0);
		cr_expect_eq(oauth_failed(&a, slice_str(rows[i].form), "p", "it", &err), -1);
		cr_expect_eq(err.code, rows[i].code, "%s", rows[i].name);
		cr_expect_str_eq(err.text, rows[i].text, "%s", rows[i].name);
	}
}

/* ---- keeping ---- */

Test(oauth, freshness)
{
	static const struct {
		const char *name, *token;
		int64_t expires;
		bool want;
	} rows[] = {
		{ "an hour left", "t", 1000 + 3600, true },
		{ "five minutes and a second left", "t", 1000 + 301, true },
		{ "five minutes left", "t", 1000 + 300, false },
		{ "over", "t", 999, false },
		{ "nobody knows", "t", 0, true },
		{ "none", "", 5000, false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(oauth_grant_release) struct oauth_grant g;

		oauth_grant_init(&g);
		buf_adds(&g.access_token, rows[i].token);
		g.expires = rows[i].expires;
		cr_expect_eq(oauth_grant_is_fresh(&g, 1000), rows[i].want, "%s", rows[i].name);
	}
}

static void fill(struct oauth_grant *g)
{
	oauth_grant_init(g);
	buf_adds(&g->provider, "p");
	buf_adds(&g->token_url, "https://a.example/t");
	buf_adds(&g->client_id, "c\"d");
	buf_adds(&g->access_token, "acc");
	buf_adds(&g->refresh_token, "ref");
	g->expires = 4711;
}

static char *test_dir(void)
{
	static char dir[64];

	strcpy(dir, "/tmp/mailhoist-oauth-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	return dir;
}

static void write_file(const char *dir, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/oauth.json", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = { "oauth.json", "oauth.json.new", "oauth.lock" };
	char path[128];

	for (size_t i = 0; i < ROWS(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	cr_expect_eq(rmdir(dir), 0);
}

Test(oauth, store)
{
	struct oauth_place place = { test_dir(), "me@example.org" };
	CLEANUP(oauth_grant_release) struct oauth_grant g, back;
	struct err err = ERR_INIT;
	struct stat st;
	char path[128];

	fill(&g);
	oauth_grant_init(&back);
	umask(0);
	cr_expect_not(oauth_store_exists(&place));
	snprintf(path, sizeof(path), "%s/oauth.json.new", place.dir);
	cr_assert_eq(symlink("/dev/null", path), 0, "left by somebody");
	cr_assert_eq(oauth_store_save(&place, &g, &err), 0, "%s", err.text);
	cr_assert_eq(oauth_store_save(&place, &g, &err), 0, "twice: %s", err.text);
	cr_expect(oauth_store_exists(&place));
	snprintf(path, sizeof(path), "%s/oauth.json", place.dir);
	cr_assert_eq(lstat(path, &st), 0);
	cr_expect(S_ISREG(st.st_mode));
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(oauth_store_load(&place, &back, &err), 0, "%s", err.text);
	cr_expect_str_eq(buf_cstr(&back.client_id), "c\"d");
	cr_expect_str_eq(buf_cstr(&back.access_token), "acc");
	cr_expect_str_eq(buf_cstr(&back.refresh_token), "ref");
	cr_expect_eq(back.expires, 4711);
	remove_dir(place.dir);
}

Test(oauth, bad_stores)
{
	static const struct {
		const char *name, *text;
		mode_t mode;
		const char *want;
	} rows[] = {
		{ "group may read", "{}", 0640, "others may read it" },
		{ "all may read", "{}", 0604, "others may read it" },
		{ "empty", "", 0600, "incomplete" },
		{ "cut off", "{\"provider\":\"p", 0600, "damaged" },
		{ "something else", "[]", 0600, "incomplete" },
		{ "no client", "{\"provider\":\"p\",\"token_url\":\"https://a/\"}", 0600,
		  "incomplete" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct oauth_place place = { test_dir(), "me@example.org" };
		CLEANUP(oauth_grant_release) struct oauth_grant g;
		struct err err = ERR_INIT;

		oauth_grant_init(&g);
		write_file(place.dir, rows[i].text, rows[i].mode);
		cr_expect_eq(oauth_store_load(&place, &g, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, ERR_CONFIG, "%s: %s", rows[i].name, err.text);
		cr_expect(strstr(err.text, rows[i].want), "%s: %s", rows[i].name, err.text);
		remove_dir(place.dir);
	}
}

/* Of the secrets nothing is in the open part, and the other way round. */
Test(oauth, parts)
{
	CLEANUP(oauth_grant_release) struct oauth_grant g;
	CLEANUP(buf_release) struct buf open = BUF_INIT(1 << 16);
	CLEANUP(buf_release) struct buf secret = BUF_INIT(1 << 16);

	fill(&g);
	g.keyring = true;
	oauth_grant_write(&g, true, false, &open);
	oauth_grant_write(&g, false, true, &secret);
	cr_expect_str_eq(buf_cstr(&open),
			 "{\"provider\":\"p\",\"token_url\":\"https://a.example/t\",\"client_id\":"
			 "\"c\\\"d\",\"expires\":4711,\"keyring\":true}");
	cr_expect_str_eq(buf_cstr(&secret), "{\"access_token\":\"acc\",\"refresh_token\":\"ref\"}");
}
