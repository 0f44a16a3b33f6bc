/*
 * What the steps of transfer/ share among themselves.
 */
#ifndef MAILHOIST_TRANSFER_INTERNAL_H
#define MAILHOIST_TRANSFER_INTERNAL_H

#include "journal/notice.h"
#include "transfer/transfer.h"

#define BATCH_MESSAGES_MAX 1000 /* of one MULTIAPPEND, whatever the options say */

/* The options with their defaults filled in. */
struct transfer_options transfer_limits(const struct transfer *t);

/* The pause before attempt number `attempt` (0 first). */
uint32_t transfer_backoff_ms(const struct transfer *t, uint32_t attempt);

/* True for an error after which connecting again can help. */
bool transfer_line_lost(const struct err *err);

/* A notice of this run; store 0: of none. */
int transfer_notice(struct transfer *t, int64_t store, const char *kind, uint64_t count,
		    const char *location, const char *text, struct err *err);

#endif
