/*
 * XOAUTH2 and OAUTHBEARER: see sasl_token.h.
 */
#include "imap/sasl_token.h"

#include <string.h>

#include "base/json_read.h"

#define STATUS_MAX 40 /* octets of a status that we know */

/* Room first: a buffer that grows later would leave the token behind in freed memory. */
static void add_bearer(struct buf *out, struct slice token)
{
	const struct slice auth = SLICE_LIT("auth=Bearer ");

	if (buf_room(out, auth.len + token.len + 2) == NULL)
		return;
	buf_add_slice(out, auth);
	buf_add_slice(out, token);
	buf_adds(out, "\001\001");
}

void sasl_token_xoauth2(struct buf *out, const char *user, struct slice token)
{
	buf_adds(out, "user=");
	buf_adds(out, user);
	buf_addc(out, '\001');
	add_bearer(out, token);
}

static void add_pair(struct buf *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_adds(out, key);
	buf_addc(out, '=');
	buf_adds(out, value);
	buf_addc(out, '\001');
}

void sasl_add_name(struct buf *b, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == ',')
			buf_adds(b, "=2C");
		else if (*name == '=')
			buf_adds(b, "=3D");
		else
			buf_addc(b, *name);
	}
}

void sasl_token_oauthbearer(struct buf *out, const char *user, const char *host, const char *port,
			    struct slice token)
{
	buf_adds(out, "n,a=");
	sasl_add_name(out, user);
	buf_adds(out, ",\001");
	add_pair(out, "host", host);
	add_pair(out, "port", port);
	add_bearer(out, token);
}

/* The value of "status" on the outermost level; false if there is none. */
static bool read_status(struct slice json, char out[STATUS_MAX + 1])
{
	CLEANUP(json_reader_release) struct json_reader r;
	struct err err = ERR_INIT;
	struct json_token t;
	bool is_status = false;

	json_reader_init(&r, json);
	while (json_reader_next(&r, &t, &err) > 0) {
		if (is_status && (t.kind == JSON_STRING || t.kind == JSON_NUMBER) &&
		    t.text.len <= STATUS_MAX) {
			memcpy(out, t.text.ptr, t.text.len);
			out[t.text.len] = '\0';
			return true;
		}
		is_status =
			t.kind == JSON_KEY && t.depth == 1 && slice_eq(t.text, SLICE_LIT("status"));
	}
	return false;
}

const char *sasl_token_refusal(struct slice json)
{
	static const struct {
		const char *status, *words;
	} known[] = {
		{ "400", "status 400: it is not valid, or not for this user" },
		{ "401", "status 401: it has expired, was revoked, or is not for this server" },
		{ "403", "status 403: it does not allow access to mail" },
		{ "invalid_token", "invalid_token: it has expired, was revoked, or is not for "
				   "this server" },
		{ "insufficient_scope", "insufficient_scope: it does not allow access to mail" },
		{ "invalid_request", "invalid_request: the server does not understand it" },
	};
	char status[STATUS_MAX + 1];

	if (!read_status(json, status))
		return "no reason given";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].status, status) == 0)
			return known[i].words;
	return "a reason that mailhoist does not know";
}

bool sasl_token_ok(struct slice token)
{
	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] <= ' ' || token.ptr[i] > '~')
			return false;
	return token.len > 0;
}
