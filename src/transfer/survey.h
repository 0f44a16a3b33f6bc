/*
 * What an account is, by looking at it alone: the facts that a migration has to
 * reckon with. Nothing is changed; a read-only session will do.
 */
#ifndef MAILHOIST_TRANSFER_SURVEY_H
#define MAILHOIST_TRANSFER_SURVEY_H

#include "imap/session.h"

/* Texts belong to the arena given to survey(), or to the session. */
struct survey {
	bool has_tls;
	struct tls_facts tls;
	const char *server, *mechanism, *prefix;
	struct slice capability_words;
	uint32_t capabilities; /* CAP_* */
	char separator;	       /* 0: none */
	uint64_t append_limit; /* octets; 0: none known */
	const struct profile *profile;
	struct quota quota;
	struct listed_folder *folders;
	size_t n_folders;
	bool counted; /* the next two are known; octets 0: not known */
	uint64_t messages, octets;
	bool flags_told; /* EXAMINE of INBOX tells which flags are kept: */
	bool keywords_allowed;
	uint32_t flags;
};

/* 0, or -1 when the session is lost or the server refuses what every migration needs. */
int survey(struct session *s, struct arena *a, struct survey *out, struct err *err);

#endif
