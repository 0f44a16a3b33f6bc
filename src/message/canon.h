/*
 * Canonical bytes: what goes up. CR LF line ends, a final CR LF, mbox quoting
 * undone where the rules say so, the headers that the local store added removed.
 * Everything else is untouched. One streaming reader serves the digest, the
 * scanner, the uploader and the verifier.
 */
#ifndef MAILHOIST_MESSAGE_CANON_H
#define MAILHOIST_MESSAGE_CANON_H

#include "message/message.h"

/* One pass over one message. Its buffers (400 KiB) may serve many messages. */
struct canon;

struct canon *canon_new(void); /* NULL when out of memory */
void canon_free(struct canon *c);

/* Deliver runs of about `len` octets from now on; longer lines are not cut. Without it runs are as
 * long as the buffers allow (from 128 KiB on), which is best for those who write them. Whoever
 * digests them gains by short ones: copying the next run then overlaps with the digest of this one
 * in the processor (CANON_PIECE_DIGEST: a scan takes an eighth less time). */
#define CANON_PIECE_DIGEST 512
void canon_set_piece(struct canon *c, size_t len);

/* The piece that was delivered last, and those before it as far as it stands behind them in memory:
 * whoever does with them what goes faster by the ten thousand octets takes them when *ends, for the
 * next piece is not going to follow, and once more at the end. */
struct slice canon_run(const struct canon *c, bool *ends);

/* Start over with another message. The descriptor must stay open during the pass. */
void canon_start(struct canon *c, const struct body *body, const struct canon_rules *rules);

/* The next run of canonical bytes, owned by *c until the next call: 1, or 0 at the end, or -1
 * (the file could not be read, or is shorter than the range: ERR_CHANGED, SCOPE_MESSAGE). */
int canon_next(struct canon *c, struct slice *out, struct err *err);

/* What the pass has met so far: counts and enum repair bits. */
struct canon_notes {
	uint64_t wire_len, nul_count, cr_count, cr_cr_lf_count;
	uint64_t header_len; /* canonical; equals wire_len while the header has not ended */
	uint32_t repairs;
};
void canon_notes(const struct canon *c, struct canon_notes *out);

#endif
