/*
 * Texts of a store to UTF-8: UTF-16 and 8-bit ones, whole or in pieces.
 */
#ifndef MAILHOIST_PST_TEXTS_H
#define MAILHOIST_PST_TEXTS_H

#include "pst/tree.h"

/* What turning bytes into text needs; one for a store. */
struct texts {
	struct codepages *codepages;
	int cp;		    /* of 8-bit texts where the item names none; 0: nobody knows */
	struct buf scratch; /* for one text */
};

/* A name or other small text is cut there. */
#define TEXT_KEPT_MAX 262144
/* Of a long text (a body) so many source bytes are converted at a time. */
#define TEXT_PIECE 65536

/* Append UTF-16LE as UTF-8, up to the first NUL, which ends a text (MS-OXCDATA 2.11.1). Lone
 * surrogates become U+FFFD and set MAPI_DEGRADED_SURROGATE in *degraded. In pieces: what a piece
 * cuts in two is left over unless `last`; *used tells what was taken. */
void utf16_to_utf8(struct slice in, bool last, struct buf *out, size_t *used, uint32_t *degraded);

/* A subject without the mark of a prefix: U+0001 and one character, the length of "RE: " (MS-PST
 * 2.5.3.1.1.1). NULL stays NULL. */
const char *text_unmarked(const char *subject);

/* A long text while it is read. */
struct text_stream {
	struct texts *texts;
	struct tree tree;
	bool utf16;
	int cp;
	uint64_t in, out; /* source bytes converted; offset at which `ready` starts */
	struct buf ready;
	struct slice fed; /* instead of the tree */
	bool ended;
	uint32_t degraded; /* grows while it is read */
};

void text_stream_open(struct text_stream *s, struct texts *texts, struct ndb *n, uint64_t bid,
		      bool utf16, int cp);
void text_stream_release(struct text_stream *s);

/* Convert these bytes, which are all of it, instead of a tree's. */
void text_stream_feed(struct text_stream *s, struct slice bytes);

/* As mapi_blob.read. Going back starts from the beginning. */
int text_stream_read(struct text_stream *s, uint64_t off, void *to, size_t want, size_t *got,
		     struct err *err);

/* Bytes of all of it, as UTF-8: reads it once. Where it cannot be read to its end: -1, and *len is
 * what comes before. Texts up to TEXT_PIECE bytes are whole in `ready` then, and `out` is 0. */
int text_stream_len(struct text_stream *s, uint64_t *len, struct err *err);

#endif
