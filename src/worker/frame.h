/*
 * Frames: how a worker and its parent talk over a socket pair. A frame is eight
 * octets (length of the payload, type; little-endian) and the payload. Small frames
 * travel together: the writer collects them until FRAME_BATCH is full or somebody
 * flushes, the reader takes as much from the socket as there is.
 *
 * The worker reads files that a hostile author may have fed, so the parent believes
 * nothing: every length is bounded before it is used, every text is checked, and
 * what does not fit is ERR_FORMAT ("no frame of ours"), which ends the worker.
 */
#ifndef MAILHOIST_WORKER_FRAME_H
#define MAILHOIST_WORKER_FRAME_H

#include "base/arena.h"

#define FRAME_PAYLOAD_MAX ((size_t)256 << 10)
#define FRAME_HEAD_LEN	  8
#define FRAME_BATCH	  ((size_t)128 << 10) /* collected before the socket is asked */

struct frame {
	uint8_t type;
	struct slice payload;
};

/* ---- writing ---- */

struct frame_out {
	int fd;	     /* the owner's */
	int wait_ms; /* how long one flush may take; 0: as long as it needs */
	struct buf buf;
	size_t start; /* of the frame that is being written */
	bool open;
};

void frame_out_init(struct frame_out *out, int fd, int wait_ms);
void frame_out_release(struct frame_out *out);

/* One frame: begin, its fields, end. Additions that exceed FRAME_PAYLOAD_MAX make frame_end() fail
 * with ERR_LIMIT; the frame is then dropped and the stream is still in order. */
void frame_begin(struct frame_out *out, uint8_t type);
void frame_put_u8(struct frame_out *out, uint8_t n);
void frame_put_u32(struct frame_out *out, uint32_t n);
void frame_put_u64(struct frame_out *out, uint64_t n);
void frame_put_bytes(struct frame_out *out, struct slice bytes); /* with their length */
void frame_put_raw(struct frame_out *out, const void *bytes, size_t len);
size_t frame_len(const struct frame_out *out); /* of the payload so far */
int frame_end(struct frame_out *out, struct err *err);

/* Send what was collected. ERR_EOF when the other side is gone, ERR_TIMEOUT. Scope: source. */
int frame_flush(struct frame_out *out, struct err *err);

/* ---- reading ---- */

struct frame_in {
	int fd; /* the owner's */
	char *bytes;
	size_t pos, len;
};

int frame_in_init(struct frame_in *in, int fd, struct err *err);
void frame_in_release(struct frame_in *in);

/* The next frame: 1; 0: the other side has closed between two frames; -1: ERR_TIMEOUT after
 * `wait_ms` without a whole frame (nothing is lost: ask again), ERR_EOF in mid-frame, ERR_FORMAT,
 * ERR_IO, ERR_INTERRUPTED (a signal asks to stop). wait_ms -1: wait without end. The payload is
 * valid until the next call. */
int frame_next(struct frame_in *in, int wait_ms, struct frame *out, struct err *err);

/* ---- fields of a payload ---- */

/* Reads past the end, or of something too large, give 0 or "" and set `failed`. */
struct fields {
	struct slice rest;
	bool failed;
};

struct fields fields_of(const struct frame *frame);
uint8_t field_u8(struct fields *f);
uint32_t field_u32(struct fields *f);
uint64_t field_u64(struct fields *f);
struct slice field_bytes(struct fields *f, size_t max);
/* UTF-8 without NUL, copied into the arena. */
const char *field_text(struct fields *f, size_t max, struct arena *a);
/* 0 if all went well and nothing is left over, else ERR_FORMAT (SCOPE_SOURCE). */
int fields_done(const struct fields *f, const char *what, struct err *err);

#endif
