/*
 * What is not mail, written as a file that other programs read: contacts and
 * distribution lists as vCard 3.0 (RFC 2426), appointments as iCalendar (RFC 5545).
 * The names of the files are the caller's.
 */
#ifndef MAILHOIST_MIME_EXPORT_H
#define MAILHOIST_MIME_EXPORT_H

#include "mime/compose.h"

/* ".vcf", ".ics", or NULL where an item of this kind is not exported (tasks, notes, journal). */
const char *export_extension(enum item_kind kind);

/* Write the item, whose kind has an extension; options, scratch and result as for
 * compose_message(). The same item gives the same octets. -1: the sink failed, or (ERR_FORMAT,
 * SCOPE_MESSAGE) it has nothing that could be exported: an appointment without a time. */
int export_item(const struct mapi_item *item, const struct compose_options *options,
		const struct compose_sink *sink, struct arena *scratch, struct compose_result *out,
		struct err *err);

#endif
