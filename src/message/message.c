/*
 * The stable names of roles, states, date sources and repairs: scripts depend on
 * them, so they change never.
 */
#include "message/message.h"

#include <assert.h>

const char *role_name(enum role role)
{
	static const char *const names[] = {
		[ROLE_NONE] = "",	    [ROLE_INBOX] = "inbox",
		[ROLE_SENT] = "sent",	    [ROLE_DRAFTS] = "drafts",
		[ROLE_TRASH] = "trash",	    [ROLE_JUNK] = "junk",
		[ROLE_ARCHIVE] = "archive", [ROLE_TEMPLATES] = "templates",
		[ROLE_OUTBOX] = "outbox",   [ROLE_ALL] = "all",
		[ROLE_FEEDS] = "feeds",
	};

	static_assert(sizeof(names) / sizeof(names[0]) == ROLE_COUNT, "a name for each role");
	return (size_t)role < ROLE_COUNT ? names[role] : "";
}

const char *state_name(enum message_state state)
{
	static const char *const names[] = {
		[STATE_WHOLE] = "whole",	   [STATE_PARTIAL] = "partial",
		[STATE_TRUNCATED] = "truncated",   [STATE_DELETED] = "deleted",
		[STATE_OUTBOX] = "outbox",	   [STATE_FEED] = "feed",
		[STATE_UNREADABLE] = "unreadable",
	};

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "";
}

const char *date_source_name(enum date_source source)
{
	static const char *const names[] = {
		[DATE_NOWHERE] = "none",	   [DATE_STORE] = "store",
		[DATE_RECEIVED] = "received",	   [DATE_DATE] = "date",
		[DATE_DELIVERY] = "delivery-date", [DATE_FROM_LINE] = "from-line",
		[DATE_FILE_NAME] = "file-name",	   [DATE_MTIME] = "mtime",
	};

	return (size_t)source < sizeof(names) / sizeof(names[0]) ? names[source] : "";
}

const char *repair_name(uint32_t bit)
{
	static const char *const names[REPAIR_COUNT] = {
		"unquoted",	   "store-headers-removed",
		"final-eol-added", "nul",
		"bare-cr",	   "cr-cr-lf",
		"8bit-header",	   "long-line",
		"no-header",	   "date-clamped",
		"zone-unknown",	   "keywords-dropped",
		"truncated",
	};

	for (size_t i = 0; i < REPAIR_COUNT; i++)
		if (bit == UINT32_C(1) << i)
			return names[i];
	return "";
}

int message_keep_texts(struct message *m, struct arena *a)
{
	m->locator = arena_str(a, m->locator);
	if (!m->locator)
		return -1;
	for (size_t i = 0; i < m->flags.n_keywords; i++) {
		m->flags.keywords[i] = arena_str(a, m->flags.keywords[i]);
		if (!m->flags.keywords[i])
			return -1;
	}
	if (!m->uidl)
		return 0;
	m->uidl = arena_str(a, m->uidl);
	return m->uidl ? 0 : -1;
}
