/*
 * What the files of plan/ share among themselves.
 */
#ifndef MAILHOIST_PLAN_INTERNAL_H
#define MAILHOIST_PLAN_INTERNAL_H

#include "plan/plan.h"

/* plan_lines() at work. */
struct planning {
	struct journal *j;
	struct db *db;
	int64_t run;
	int64_t base, lines; /* lines have the ids base + 1 to base + lines */
	enum run_kind kind;
	const struct plan_options *options;
	const struct plan_server *server;
};

/* Bind a named parameter, if the statement has it. */
void plan_bind(sqlite3_stmt *st, const char *name, int64_t value);
/* Run a statement over the run's lines: :first, :last, :run, and :policy (enum flag_policy). */
int plan_over_lines(const struct planning *p, const char *sql, struct err *err);

/* The lines that the statement before has inserted are the run's. */
void plan_count_lines(struct planning *p);
/* Do the lines of this run let the server file? Showing it is what a dry run does anyway. */
bool plan_files(const struct planning *p);

/* adopt.c. A dry run notes what it rests on, unless it is not sure to be repeated. */
int plan_note_basis(const struct planning *p, struct err *err);
/* Is the saved plan what planning anew would come to? 1, 0, -1. */
int plan_is_repeated(const struct planning *p, struct err *err);
/* Then the run has the plan's lines, and the notices that came of making them. */
int plan_take_lines(struct planning *p, struct err *err);
/* Fill the table `work` with the duplicates among the lines and what they are duplicates of, so
 * that their flags can be united. */
int plan_find_twins(const struct planning *p, struct err *err);

/* SQL: an upload that is planned anew gets the facts of its new way. */
#define PLAN_FACTS_RENEWED                                                                         \
	"mended = 0, wire_len = excluded.wire_len, nul_count = excluded.nul_count,"                \
	" cr_count = excluded.cr_count, cr_cr_lf_count = excluded.cr_cr_lf_count,"                 \
	" has_id = excluded.has_id, key = excluded.key, ident = excluded.ident,"                   \
	" fields = excluded.fields, method = excluded.method, origin = excluded.origin,"           \
	" origin_uidvalidity = excluded.origin_uidvalidity, origin_gone = 0,"                      \
	" origin_flags = excluded.origin_flags, origin_keywords = excluded.origin_keywords"

/* filing.c: the uploads of the lines that the server shall file. */
int plan_filings(struct planning *p, struct err *err);
/* filing.c: what earlier runs have copied out of INBOX, and a run that is to move takes away there:
 * written down (journal/clearing.h). */
int plan_clearing(struct planning *p, struct err *err);

/* flags.c: what is to be changed in the flags of messages that are in their folder already: written
 * down, or only counted. */
int plan_flag_changes(const struct planning *p, struct err *err);
int plan_count_flag_changes(const struct planning *p, struct err *err);

/* vanished.c: name what the saved plan wanted to upload or file, and no source has any more. */
int plan_tell_vanished(const struct planning *p, struct err *err);

/* server_only.c: note what is on the server and nowhere here. */
int plan_server_only(const struct planning *p, struct err *err);

/* keywords.c: SQL functions mail_keywords() and keywords_minus(). */
int keyword_functions(struct db *db, struct err *err);

/* Fill the table `perishing` of match/work.h: the server's Trash and Junk folders. The run's
 * targets are known. */
int perishing_find(struct journal *j, int64_t run, const struct plan_server *server,
		   struct err *err);

#endif
