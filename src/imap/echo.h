/*
 * Servers repeat what they do not like: "BAD unknown command: LOGIN alice secret".
 * Such words must not reach an error text, the journal or the trace (RFC 3501 11.2
 * leaves it to us).
 */
#ifndef MAILHOIST_IMAP_ECHO_H
#define MAILHOIST_IMAP_ECHO_H

#include "base/slice.h"

/* Does the text hold the password: as it is, quoted, or anywhere in something in base64? */
bool echo_has_secret(struct slice text, struct slice secret);

#endif
