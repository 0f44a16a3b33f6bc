/*
 * What the files of filing share: filing.c keeps pages on their way, filing_targets.c
 * makes the folders ready, filing_page.c carries one page out.
 */
#ifndef MAILHOIST_TRANSFER_FILING_WORK_H
#define MAILHOIST_TRANSFER_FILING_WORK_H

#include "transfer/filing.h"
#include "transfer/ready.h"

#define PAGES		  3   /* one at work, one behind it, one whose answers are written down */
#define PAGE_COMMANDS_MAX 300 /* of one page: half of what the session's ring takes */

/* A target of the page. */
struct place {
	int64_t target; /* as it was planned: it may have become another folder */
	struct remote_folder folder;
	uint32_t uidvalidity, base; /* before the page */
	bool in_doubt; /* something was sent, and its answer does not tell where it is */
};

/* Some of the page: of one origin folder, into one target, each UID once and ascending. */
struct group {
	struct place *place;
	struct upload **u;
	bool *stored;
	size_t n;
	size_t commands; /* sent, not yet answered */
};

enum page_state { PAGE_FREE, PAGE_LOADED, PAGE_MARKED, PAGE_SENT };

/* Loaded, its targets made ready; marked in flight; looked at again and sent; answered. */
struct page {
	enum page_state state;
	struct arena arena;
	int64_t cursor; /* where it begins */
	struct upload *u[FILING_PAGE];
	size_t n;
	bool stored[FILING_PAGE];
	struct place *places;
	size_t n_places;
	struct group *groups;
	size_t n_groups;
};

struct filing {
	struct transfer *t;
	enum file_mode mode;
	bool include_partial;
	enum filing_method method;
	bool moves; /* by MOVE: the origin goes with it */
	struct arena names;
	struct ready ready;
	int64_t open; /* folder that is selected; 0: none */
	uint32_t open_uidvalidity;
	bool throttled;	    /* the last answer asked for patience */
	bool renamed;	    /* a target has become another folder: what was loaded is stale */
	bool doubt;	    /* a place is in doubt */
	uint32_t pauses;    /* in a row */
	struct err put_off; /* why there has to be one */
	char reason[ERR_TEXT_MAX]; /* why what is left goes up */
	uint64_t total, filed_at_loss;

	struct page pages[PAGES];
	struct page *marked, *sent; /* NULL: none */
	int64_t cursor;		    /* behind what has been loaded */
	size_t page_len;	    /* of the next page */
	bool at_end;
};

/* ---- filing.c ---- */

/* These go up instead. */
int filing_fall_back(struct filing *f, struct upload *const *u, size_t n, const char *why,
		     struct err *err);

/* ---- filing_targets.c ---- */

/* Make the targets of a page ready; what goes into one that is refused is taken out of the page,
 * and goes up. */
int page_ready_places(struct filing *f, struct page *p, struct err *err);
struct place *page_place(const struct page *p, int64_t target);
/* Find out from the targets' indexes what has become of all that is in flight there. */
int page_settle(struct filing *f, struct page *p, struct err *err);

/* ---- filing_page.c ---- */

/* The next page of what is planned: its number, 0, -1. */
int page_load(struct filing *f, struct page *p, size_t max, struct err *err);
/* All of it is in flight, on disk. */
int page_mark(struct filing *f, struct page *p, struct err *err);
/* ... and was not sent after all. */
int page_unmark(struct filing *f, struct page *p, struct err *err);
/* Look at the originals again; what is as it was planned is sent. */
int page_send(struct filing *f, struct page *p, struct err *err);
/* Take in the answers. */
int page_finish(struct filing *f, struct page *p, struct err *err);

#endif
