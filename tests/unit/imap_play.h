/*
 * A scripted server for tests of the IMAP session: another process, on a port of
 * 127.0.0.1, that plays a transcript. See tests/wire/README.md for its language.
 */
#ifndef MAILHOIST_TESTS_IMAP_PLAY_H
#define MAILHOIST_TESTS_IMAP_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

enum play_kind {
	PLAY_SERVER_LINE, /* "S: text": CR LF is added */
	PLAY_SERVER_RAW,  /* "S> text": with C escapes, nothing added */
	PLAY_CLIENT_LINE, /* "C: text": must come, with CR LF */
	PLAY_CLIENT_RAW,  /* "C> text" */
	PLAY_ACT,	  /* "S! close", "S! stall", "S! flood N text" */
	PLAY_DO,	  /* "D: ..." what the session is told to do */
	PLAY_RESULT,	  /* "R: ..." what must come of it */
};

struct play_line {
	enum play_kind kind;
	int number; /* in the file */
	char *text; /* escapes undone, NUL-terminated */
	size_t len;
};

struct play {
	struct play_line *line;
	size_t n;
};

/* Read a transcript; asserts that it can be read. */
void play_load(struct play *p, const char *path);
void play_parse(struct play *p, const char *text);
void play_release(struct play *p);

struct play_options {
	bool byte_by_byte;  /* one octet a write */
	int cut_after;	    /* close behind that many server lines; -1: never */
	int receive_buffer; /* SO_RCVBUF of the server's end; 0: the system's */
	int send_buffer;
};

struct player {
	pid_t pid;
	char port[8];
	int report; /* a pipe: what did not go as written */
};

/* Start a server for one connection. */
void player_start(struct player *player, const struct play *p, const struct play_options *o);
/* Start one that runs `serve` on the connection. */
void player_start_with(struct player *player, void (*serve)(int fd, void *context), void *context,
		       const struct play_options *o);
/* Wait for its end; what it complained of goes into `complaint` ("" when all is well). */
void player_end(struct player *player, struct buf *complaint);

/* For `serve` functions. */
void play_send(int fd, const char *text);
/* Read a line (without CR LF); false at the end. */
bool play_read_line(int fd, char *line, size_t size);
void play_read_octets(int fd, uint64_t n);

#endif
