/*
 * The shape of an upload: how many messages go into one APPEND, which of them
 * wait for the server's "+", how much may be on its way. Pure functions of what
 * the server can do (imap-client.md 3.2, 6.1; servers.md 5.3).
 */
#ifndef MAILHOIST_TRANSFER_BATCH_H
#define MAILHOIST_TRANSFER_BATCH_H

#include "transfer/gate.h"
#include "transfer/transfer.h"

#define LITERAL_MINUS_MAX 4096 /* RFC 7888 5 */

struct shape {
	uint32_t messages;     /* of one command */
	uint64_t octets;       /* of one command, unless its first message alone has more */
	uint64_t window;       /* octets not acknowledged, above which no command is begun */
	uint32_t commands;     /* the same in commands */
	uint64_t plain_max;    /* octets up to which a literal needs no "+": 0 none; */
	uint64_t plain_most;   /* the same where the server has taken so large a message before */
	uint64_t alone_above;  /* octets above which a message goes in a command of its own */
	uint64_t append_limit; /* 0: none known */
	uint32_t noop_every;   /* commands of the same kind in a row, then another: 0 any number */
};

struct shape shape_of(uint32_t capabilities, uint64_t append_limit, const struct profile *profile,
		      const struct transfer_options *options);

/* One message at a time, each waiting for "+": for finding out which one a server chokes on. */
struct shape shape_careful(const struct shape *s);

/* Commands of a size that can be sent within a second or two. */
void shape_slow(struct shape *s, const struct gate_limits *limits);

/* How many of the next `n` messages (n > 0) go into one command: equal flag sets only, so that just
 * the first may have to wait for its "+". A big message goes alone, so that its refusal spoils
 * nothing else. */
size_t batch_cut(const struct shape *s, const struct upload *uploads, size_t n);

/* Does this message wait for "+"? `proven`: the server has accepted an APPEND line with these flags
 * in this folder; `taken`: the size of the largest message that it has stored. */
bool batch_waits(const struct shape *s, uint64_t size, uint64_t taken, bool proven);

/* Would a message of this size have to wait once, and none of its size behind it? Then it does best
 * where a wait is due anyway. */
bool batch_waits_once(const struct shape *s, uint64_t size, uint64_t taken);

/* Identity of a flag set, for telling whether it is proven. */
uint64_t flag_set_hash(const struct flag_set *flags);

#endif
