/*
 * The plan: to which folder of the server each local folder goes, and what shall
 * happen to each message. It is data in the journal: one line per message with
 * action, target, level and reason. The dry run is making the plan and reporting
 * it; a run goes on from there.
 *
 *   plan_folders()  after scan and index, before match_prepare()
 *   plan_lines()    after match_finish()
 *   plan_adopt()    instead of all that comes behind plan_folders(), where it can
 */
#ifndef MAILHOIST_PLAN_PLAN_H
#define MAILHOIST_PLAN_PLAN_H

#include "match/match.h"

/* --map 'Local name=Server name'. The local name is the folder path with '/' between its parts
 * (compared without case, in NFC); folders below it follow, unless they have a map of their own.
 * The server name is UTF-8, '/' or the server's separator between its parts. */
struct plan_map {
	const char *local, *server;
};

/* What becomes of a message that lies unfiled on the server. */
enum file_mode {
	FILE_OFF,  /* nothing: it is there */
	FILE_PLAN, /* shown, not done */
	FILE_COPY,
	FILE_MOVE, /* the original in INBOX goes, unless it is needed there */
};

/* Whose flags a message has that is on the server already. */
enum flag_policy {
	FLAGS_UNION, /* those of both; but \Seen as it is here, where POP has falsified it */
	FLAGS_LOCAL,
	FLAGS_SERVER,
};

struct plan_options {
	const char *prefix; /* --prefix: everything goes below this folder; "" or NULL */
	const struct plan_map *maps;
	size_t n_maps;
	bool duplicate_into_folders; /* upload what is on the server in another folder only */
	bool keep_duplicates;	     /* identical local messages in one folder all go up */
	bool include_deleted, include_outbox, include_feeds; /* as in source_options */
	bool no_uidl;	      /* find nothing on the server by POP's UIDLs */
	bool include_partial; /* upload messages of which POP fetched only the beginning */
	enum file_mode file;
	enum flag_policy flags;
	int64_t only_run; /* apply: upload nothing that this earlier plan did not have; 0: no limit
			   */
};

/* What the plan must know of the server. */
struct plan_server {
	const char *prefix;    /* of the personal namespace, UTF-8: "" or "INBOX." */
	char separator;	       /* 0: no hierarchy */
	uint64_t append_limit; /* octets; 0: none known */
	bool any_case;	       /* folders whose names differ in case alone are one folder */
	bool can_take_away;    /* single messages (UIDPLUS) */
	bool rewrites_headers;
};

/* Split "Local name=Server name"; a '=' in a name is written "\=". The parts belong to the arena.
 */
int plan_map_parse(const char *text, struct arena *a, struct plan_map *out, struct err *err);

/* Give every store of the run its target folder (run_store.target), existing or wanted. Notices:
 * "folder-merged" when two local folders have one target. */
int plan_folders(struct journal *j, int64_t run, const struct plan_options *options,
		 const struct plan_server *server, struct err *err);

/* The matching options that go with these (`kind` RUN_VERIFY distrusts the journal). */
struct match_options plan_match_options(const struct plan_options *options, enum run_kind kind);

/* Write the lines of the run, and in a run that writes (RUN_RUN, RUN_APPLY) the upload rows, in one
 * transaction. In RUN_PLAN, lines to upload stay open; in RUN_VERIFY they are failed: "missing". */
int plan_lines(struct journal *j, int64_t run, const struct plan_options *options,
	       const struct plan_server *server, struct err *err);

/* RUN_APPLY, instead of matching and plan_lines(): take over the lines of the plan (only_run) where
 * planning anew could but come to the same: 1. 0: it might not; nothing is done. -1. The caller
 * knows that this process has read no folder of the server again. */
int plan_adopt(struct journal *j, int64_t run, const struct plan_options *options,
	       const struct plan_server *server, struct err *err);

/* Of what the run has filed, when its folders have been indexed again: write down the changes of
 * flags that are still to be made. */
int plan_filed_flags(struct journal *j, int64_t run, enum flag_policy policy, struct err *err);
/* The run's changes have been made: remember what was merged. */
int plan_flags_merged(struct journal *j, int64_t run, enum flag_policy policy, struct err *err);

/* The SQL functions that journal/flags.h and undo need, without a plan; and the changes of flags of
 * runs that were killed: those that the index shows were made. */
int plan_flags_settle(struct journal *j, struct err *err);

/* A message that was to be filed goes up instead: its copy on the server has vanished or changed.
 * One that is incomplete here only with include_partial; otherwise it is left out. Within a
 * transaction or not. */
int plan_fall_back(struct journal *j, int64_t upload, const char *text, bool include_partial,
		   struct err *err);

/* ---- names ---- */

/* Servers refuse names. What to ask for instead, in turn: the name itself; forbidden characters
 * replaced; blanks and dots at the ends stripped; ASCII; "Folder-" and a hash. Appends to `wire`
 * the `rung`-th wire name for the UTF-8 whole name `name` (a remote_folder.name), leaving alone the
 * first `keep` bytes of it (parents that exist). Returns 1, or 0 if there is no such rung, or -1.
 * Rungs that would give the name of an earlier one are skipped, so that asking twice is rare. */
#define PLAN_RUNGS 5
int plan_name(const struct plan_server *server, const char *name, size_t keep, unsigned rung,
	      struct buf *wire, struct err *err);

/* Keywords that may stand on an APPEND line: [A-Za-z0-9$_.-]{1,50} (servers.md 2.3). */
bool plan_keyword_ok(struct slice keyword);

#endif
