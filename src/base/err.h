/*
 * Errors are values. Whoever fails fills a struct err and returns -1; whoever
 * knows more (the folder, the server) adds it once with err_prefix(); only
 * cli/ prints it. `scope` says how much is spoiled and `retry` whether trying
 * again can help: these two alone drive the flow of a run.
 */
#ifndef MAILHOIST_BASE_ERR_H
#define MAILHOIST_BASE_ERR_H

#include <stdarg.h>
#include <stdint.h>

/* What went wrong. cli/exit_status.c maps each to a process exit status. */
enum err_code {
	ERR_NONE = 0,
	ERR_USAGE,	 /* the command line is wrong */
	ERR_NOINPUT,	 /* a source is missing, unreadable or no mail store */
	ERR_UNAVAILABLE, /* the server lacks something we cannot do without */
	ERR_INTERNAL,	 /* a bug */
	ERR_NOMEM,	 /* out of memory */
	ERR_CANTCREAT,	 /* an output (journal, sidecar, report) cannot be created */
	ERR_IO,		 /* reading or writing failed in the middle */
	ERR_TEMPFAIL,	 /* try again later */
	ERR_PROTOCOL,	 /* the server broke the protocol */
	ERR_CONFIG,	 /* a configuration file or data file is wrong */
	ERR_CONNECT,	 /* the server cannot be reached, or the line was cut */
	ERR_EOF,	 /* the peer closed the connection */
	ERR_TIMEOUT,	 /* no progress within a deadline */
	ERR_TLS,	 /* TLS refused, certificate not accepted */
	ERR_AUTH,	 /* login refused */
	ERR_QUOTA,	 /* the account is full */
	ERR_FORMAT,	 /* stored data does not have the form it should have */
	ERR_LIMIT,	 /* one of our named limits was exceeded */
	ERR_CHANGED,	 /* a source changed while it was read */
	ERR_REFUSED,	 /* the server said NO or BAD */
	ERR_READONLY,	 /* a writing command in a session that may not write */
	ERR_BUSY,	 /* somebody else holds the lock */
	ERR_INTERRUPTED, /* stopped by a signal */
};

enum err_scope { SCOPE_MESSAGE, SCOPE_FOLDER, SCOPE_SOURCE, SCOPE_ACCOUNT, SCOPE_RUN };
enum err_retry { RETRY_NEVER, RETRY_NOW, RETRY_LATER };

#define ERR_TEXT_MAX 512

struct err {
	enum err_code code;
	enum err_scope scope;
	enum err_retry retry;
	int sys_errno;		 /* 0, or the errno behind it */
	uint32_t wait_ms;	 /* 0, or how long the other side asks us to wait */
	char text[ERR_TEXT_MAX]; /* UTF-8, one line, no control characters */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		ERR_NONE, SCOPE_MESSAGE, RETRY_NEVER, 0, 0, ""                                     \
	}

/* Fill *err from a printf format. Always returns -1. Control characters in the
 * result are replaced by '?', so that no mail or server text can steer a terminal. */
int err_set(struct err *err, enum err_code code, enum err_scope scope, enum err_retry retry,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Like err_set(), with ": " and the text of `sys_errno` appended. Always returns -1. */
int err_sys(struct err *err, enum err_code code, enum err_scope scope, int sys_errno,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Put "PREFIX: " before the text. Always returns -1, so that it can end a function. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory. Always returns -1. */
int err_nomem(struct err *err);

/* Forget what was set. */
void err_clear(struct err *err);

/* make lint reads one file at a time: what each of these returns is told where it can see it, or
 * it follows the path on which a failure was none. */
#ifdef __clang_analyzer__
#define err_set(...)	(err_set(__VA_ARGS__), -1)
#define err_sys(...)	(err_sys(__VA_ARGS__), -1)
#define err_prefix(...) (err_prefix(__VA_ARGS__), -1)
#define err_nomem(err)	(err_nomem(err), -1)
#endif

#endif
