/*
 * What is known of a provider or server program beyond its capabilities: limits
 * that it enforces without telling, and advice for its users. Read from a data file
 * (profiles.conf, which is built in, or the user's).
 */
#ifndef MAILHOIST_IMAP_PROFILE_H
#define MAILHOIST_IMAP_PROFILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Texts belong to the arena given to profile_find(), or are static. 0 or NULL: nothing known. */
struct profile {
	const char *name;  /* of the section: "gmail"; "" for a server that none is known of */
	const char *title; /* for people */
	unsigned connections, commands, noop_every;
	uint64_t window, octets_per_day, append_limit, line_limit; /* octets */
	uint32_t batch, messages_per_minute;
	bool no_keywords;
	bool any_case;		/* folders whose names differ in case are one folder */
	bool rewrites_headers;	/* what is read back has other header fields than were sent */
	bool one_per_id;	/* keeps one message of each Message-ID, in folders as labels */
	bool loses_8bit_header; /* replaces 8-bit octets of header fields */
	const char *login_advice;
};

/* By what a server is recognised. */
struct profile_signs {
	struct slice capabilities; /* words, blanks between them */
	struct slice greeting, id;
};

/* The built-in file. */
struct slice profiles_builtin(void);

/* The first profile of `file` (content of a profile file) with these signs, or, when `name` is not
 * NULL, the one of that name. 1; 0: none, *out is empty; -1: ERR_CONFIG names the line, or
 * ERR_USAGE: there is none of that name. */
int profile_find(struct slice file, const struct profile_signs *signs, const char *name,
		 struct arena *a, struct profile *out, struct err *err);

#endif
