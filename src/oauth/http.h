/*
 * Just enough HTTP (RFC 9112) to ask an authorization server: one POST of a form,
 * one answer, over net/stream's verified TLS. (libcurl would do it, too; it brings
 * 30 libraries and 6 MB into every process of ours.) Nothing is redirected, nothing
 * is kept; what comes is bounded in size and time.
 */
#ifndef MAILHOIST_OAUTH_HTTP_H
#define MAILHOIST_OAUTH_HTTP_H

#include "base/buf.h"

#define HTTP_HEADER_MAX (16u << 10)
#define HTTP_BODY_MAX	(64u << 10) /* octets; answers have some 4 KiB */

struct http_url {
	bool tls;
	struct slice host, port; /* port: "443" or "80" if the URL has none */
	struct slice path;	 /* with the query; "/" if the URL has none */
};
/* False unless it is https:// with a name that can be connected to; or http:// on this machine
 * itself, which is for tests. */
bool http_url_parse(struct slice text, struct http_url *out);

/* POST `form` (application/x-www-form-urlencoded). ca_file: PEM, or NULL for the system's. 0 with
 * the status and the body, whatever the status is; -1: nobody answers, TLS, ERR_PROTOCOL; ERR_EOF:
 * the connection was closed too early. */
int http_post(const char *url, struct slice form, const char *ca_file, int *status,
	      struct buf *body, struct err *err);

/* The answer as far as it has come; `ended`: no more will. 1: whole, 0: more is needed, -1: this is
 * no answer (ERR_PROTOCOL, ERR_LIMIT) or a part of one (ERR_EOF). */
int http_answer_read(struct slice got, bool ended, int *status, struct buf *body, struct err *err);

#endif
