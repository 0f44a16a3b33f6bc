/*
 * UID sets (RFC 3501 9 "sequence-set", RFC 4315 "uid-set"): written compactly and
 * within a line's length, read strictly.
 */
#ifndef MAILHOIST_IMAP_UID_SET_H
#define MAILHOIST_IMAP_UID_SET_H

#include "imap/lexer.h"
#include "imap/session.h"

#define UID_RANGES_MAX 65536 /* of one set that a server tells: more than fit on a line of ours */

/* Append the set of as many UIDs as need at most `octets`, runs as ranges; at least one, if there
 * is any. Returns how many. */
size_t uid_set_add(struct buf *b, const uint32_t *uids, size_t n, size_t octets);

/* Read "5,9:12": *out (to be freed) in the order told, *count UIDs in all. False, and nothing to
 * free, if it is no set. */
bool uid_set_read(struct lexer *l, struct uid_range **out, size_t *n, uint64_t *count);

#endif
