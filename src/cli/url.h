/*
 * The account's URL: imaps://user@host[:port][/prefix], or imap:// (RFC 5092,
 * as far as we need it).
 */
#ifndef MAILHOIST_CLI_URL_H
#define MAILHOIST_CLI_URL_H

#include "base/arena.h"
#include "base/err.h"

struct account_url {
	bool tls;	    /* imaps */
	const char *user;   /* percent-decoded */
	const char *host;   /* without brackets */
	const char *port;   /* NULL: the scheme's */
	const char *prefix; /* percent-decoded UTF-8 folder path, NULL: none */
};

/* Texts belong to the arena. ERR_USAGE tells what is wrong; a password in the URL is refused, since
 * everybody on the machine can read argv. */
int account_url_parse(const char *text, struct arena *a, struct account_url *out, struct err *err);

/* pop3s://[user@]host[:port], or pop3:// for STLS (also "pops", "pop"). `user` NULL: not told. */
int pop3_url_parse(const char *text, struct arena *a, struct account_url *out, struct err *err);

#endif
