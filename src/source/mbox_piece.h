/*
 * One message of an mbox between two boundaries: the boundary rule of mail-stores.md 3.2. The
 * numbers in the comments are those of that rule.
 */
#ifndef MAILHOIST_SOURCE_MBOX_PIECE_H
#define MAILHOIST_SOURCE_MBOX_PIECE_H

#include "source/dialect.h"
#include "source/from_line.h"
#include "source/window.h"

/* The mail of one mbox. */
struct mbox_text {
	struct window window;
	uint64_t end;	       /* of the mail: without NULs at the end */
	char eol;	       /* LF, or CR in a file without LF (rule 8) */
	uint64_t count_budget; /* bytes that failed attempts to count LF ends may still cost */
};

/* A message between two boundaries. */
struct mbox_piece {
	struct from_line from;
	uint64_t off;  /* first byte of the header */
	uint64_t body; /* behind the header's empty line; 0: the header did not end */
	uint64_t end;
	uint64_t next;	/* the next From_ line, or the end of the file */
	bool crlf;	/* the header's empty line is CR LF */
	bool confirmed; /* its end was confirmed by Content-Length */
	bool exact;	/* and exactly one line end (or none, at the end of the file) follows */
	bool beyond;	/* Content-Length reaches beyond the end of the file */
	struct dialect_facts facts;
	struct flag_set flags;
};

/* The From_ line and the header of the message at `at`; m->next is 0 when its end is not known yet.
 * Keywords go to the arena. *behind is where the block ends. 0; -1: ERR_CHANGED when no From_ line
 * is there. */
int mbox_piece_head(struct mbox_text *t, uint64_t at, struct arena *a, struct mbox_piece *m,
		    uint64_t *behind, struct err *err);

/* The end by Content-Length (rule 2): 1 when it gives the end, 0 when it does not, -1. */
int mbox_piece_end_by_length(struct mbox_text *t, struct mbox_piece *m, struct err *err);

/* The end by scanning: the next separator (rules 3 to 7) from the line end before `from` on, or the
 * end of the file. 0, -1. */
int mbox_piece_end_by_scan(struct mbox_text *t, struct mbox_piece *m, uint64_t from,
			   struct err *err);

/* All of the message at `at`. 0, -1. */
int mbox_piece_read(struct mbox_text *t, uint64_t at, struct arena *a, struct mbox_piece *m,
		    struct err *err);

/* Does a message begin at `off`, behind a From_ line, and another one (or nothing) behind `end`?
 * 1, 0, -1. */
int mbox_piece_borders(struct mbox_text *t, uint64_t off, uint64_t end, struct err *err);

/* Length of the line end at the start of `s`: 0, 1 or 2. */
size_t mbox_line_end_len(struct slice s, char eol);

#endif
