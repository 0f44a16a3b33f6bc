/*
 * The files in which POP programs remember what they have seen on a server, by
 * UIDL: Thunderbird's popstate.dat, getmail's oldmail-*, mpop's uidls file,
 * fetchmail's .fetchids (clients.md 3, 3.4). They prove that a message was fetched,
 * and so, if it is not in the store, that it was deleted there.
 */
#ifndef MAILHOIST_SOURCE_POP_STATE_H
#define MAILHOIST_SOURCE_POP_STATE_H

#include "base/arena.h"
#include "base/err.h"
#include "message/pop.h"

enum pop_state_kind {
	POP_STATE_UNKNOWN,
	POP_STATE_THUNDERBIRD, /* "k UIDL TIME" below "*HOST USER" */
	POP_STATE_GETMAIL,     /* "UIDL NUL TIME" */
	POP_STATE_MPOP,	       /* "UIDL" below " NUMBER HOST USER" */
	POP_STATE_FETCHMAIL,   /* "USER@HOST UIDL" */
};
const char *pop_state_kind_name(enum pop_state_kind kind); /* "Thunderbird", ... */

#define POP_STATE_LINE_MAX 2048 /* octets; longer lines belong to something else */

/* What kind of file begins with these bytes (a few whole lines suffice). */
enum pop_state_kind pop_state_probe(struct slice head);

struct pop_entry {
	struct slice uidl;
	enum pop_fate fate;
};

/* What one line (without its line end) says: false for comments, headings and what is no line of
 * that kind. */
bool pop_state_line(enum pop_state_kind kind, struct slice line, struct pop_entry *out);

struct pop_state;

/* ERR_NOINPUT; ERR_FORMAT when it is no such file. An empty one has no entries. */
int pop_state_open(const char *path, struct pop_state **out, struct err *err);
enum pop_state_kind pop_state_kind(const struct pop_state *s);
/* 1 and an entry, valid until the next call; 0; -1. */
int pop_state_next(struct pop_state *s, struct pop_entry *out, struct err *err);
void pop_state_close(struct pop_state *s); /* NULL does nothing */

#endif
