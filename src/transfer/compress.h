/*
 * When compression pays (--compress auto). It can be switched on in a session, but never
 * off, and costs both sides CPU: an index becomes a fifth of its size, mail about three
 * quarters, and above some 100 Mbit/s a line is faster without.
 *
 * The index is compressed when the server is far away and the index long. Uploads are
 * once it has been measured that the line is what they wait for: it was full most of the
 * time, was slow, and we had not much to do meanwhile.
 */
#ifndef MAILHOIST_TRANSFER_COMPRESS_H
#define MAILHOIST_TRANSFER_COMPRESS_H

#include "transfer/transfer.h"

/* The index of about so many messages is about to be read over t->session. 0, -1. */
int compress_for_index(struct transfer *t, uint64_t messages, struct err *err);

/* Are connections for uploads to be compressed from the beginning? */
bool compress_uploads(const struct transfer *t);

/* Uploads are about to go over this idle session. 0, -1. */
int compress_for_upload(struct transfer *t, struct session *s, struct err *err);

/* Is t->session compressed for the sake of the index alone? Uploads want another one. */
bool compress_was_for_index(const struct transfer *t);

/* Measures over some seconds what the line takes; all zero at the beginning. */
struct line_watch {
	int64_t since_ms, cpu_ms; /* since_ms 0: not begun */
	uint64_t octets, full_ms;
	size_t n;
};
/* Call it now and then with all sessions that upload. True once the line has turned out to be what
 * they wait for: t->slow_line is set, and compress_for_upload() will compress. */
bool compress_watch(struct transfer *t, struct line_watch *w, struct session *const *sessions,
		    size_t n);

#endif
