/*
 * Match keys: what makes a local message and a message on a server comparable
 * without reading their bodies. The same code hashes a local header and the
 * HEADER.FIELDS that a server sends. Values are unfolded, blanks collapsed,
 * octets above 127 and NUL taken as 'X' (Cyrus stores them so), before hashing.
 */
#ifndef MAILHOIST_MESSAGE_KEYS_H
#define MAILHOIST_MESSAGE_KEYS_H

#include "message/message.h"

#define MATCH_RULES_VERSION 1 /* kept with every hash; raise when a rule changes */

/* What the index of a server has to ask for. */
#define KEY_FIELDS "MESSAGE-ID DATE FROM TO CC SUBJECT"

/* Keys of a header block (LF or CR LF). Returns 0, or -1 when out of memory. */
int keys_from_header(struct slice block, struct match_keys *out, struct err *err);

/* Hash of all fields except those that transport or stores add (Received, Return-Path,
 * Delivered-To, X-Spam-*, Status, ...: the table in keys.c), in their order. */
int essence_from_header(struct slice block, uint8_t out[KEY_LEN], struct err *err);

#endif
