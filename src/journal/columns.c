/*
 * How the journal spells things in its columns: folder paths, keywords, keys, and
 * the stable words for its enums.
 */
#include "journal/private.h"

#include <string.h>

const char *run_kind_name(enum run_kind kind)
{
	static const char *const names[RUN_KIND_COUNT] = { "plan", "run", "apply", "verify",
							   "undo" };

	return (unsigned)kind < RUN_KIND_COUNT ? names[kind] : "?";
}

const char *action_name(enum action a)
{
	static const char *const names[ACTION_COUNT] = { "upload",    "present",  "elsewhere",
							 "duplicate", "excluded", "failed",
							 "file" };

	return (unsigned)a < ACTION_COUNT ? names[a] : "?";
}

const char *match_level_name(enum match_level level)
{
	static const char *const names[] = { "none", "uidl",	"content", "dress",
					     "weak", "journal", "rebuilt" };

	return (unsigned)level <= MATCH_REBUILT ? names[level] : "?";
}

const char *outcome_name(enum line_outcome o)
{
	static const char *const names[OUTCOME_COUNT] = { "open",    "uploaded",  "present",
							  "filed",   "duplicate", "excluded",
							  "refused", "failed",	  "to-file" };

	return (unsigned)o < OUTCOME_COUNT ? names[o] : "?";
}

const char *reason_text(const char *code)
{
	static const struct {
		const char *code, *text;
	} rows[] = {
		{ REASON_PRESENT, "is in its folder on the server already" },
		{ REASON_STORED, "was uploaded by an earlier run" },
		{ REASON_STORED_GONE, "was uploaded by an earlier run, and has been moved or"
				      " deleted on the server since; it is not sent again" },
		{ REASON_ELSEWHERE, "is on the server in another folder" },
		{ REASON_WHOLE, "is whole on the server; here is only its beginning" },
		{ REASON_UNFILED, "lies unfiled on the server, which can file it without an"
				  " upload" },
		{ REASON_LEFTOVER_GONE, "was to be filed by the server, but its copy there has"
					" vanished or changed meanwhile" },
		{ REASON_DUPLICATE,
		  "an identical message of the same folder goes up, or is there" },
		{ REASON_OTHER_BODY, "the server has a message with the same Message-ID, but"
				     " another text" },
		{ REASON_PERISHING, "the server has it only in Trash or Junk, or marked as deleted,"
				    " from where it may vanish" },
		{ REASON_DELETED, "was deleted in its store" },
		{ REASON_OUTBOX, "is waiting to be sent" },
		{ REASON_FEED, "is an item of a news feed" },
		{ REASON_PARTIAL, "only its beginning was ever fetched from the POP server" },
		{ REASON_NOT_IN_PLAN, "is not in the saved plan" },
		{ REASON_UNREADABLE, "could not be read" },
		{ REASON_UNDECIDED, "a similar message on the server could not be looked at; the"
				    " next run tries again" },
		{ REASON_IN_DOUBT, "was sent by an interrupted run, and it is not yet known whether"
				   " it arrived" },
		{ REASON_TOO_BIG, "is larger than the server accepts" },
		{ REASON_MISSING, "is not on the server" },
		/* what the server says to an upload (transfer/lane_refuse.c) */
		{ "content", "the server does not take it as it is" },
		{ "syntax", "the server takes it for an error in the protocol" },
		{ "flags", "the server does not take its flags" },
		{ "permission", "the server does not permit it" },
		{ "no-folder", "its folder is not there, and cannot be made" },
		{ "refused", "the server does not take it" },
		{ "server", "the server fails when it is to store it" },
		{ "connection-lost", "the server ends the connection when it is sent" },
		{ "empty", "is empty" },
		{ "message-id", "the server keeps one message of each Message-ID" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].code, code) == 0)
			return rows[i].text;
	return code;
}

char *path_join(struct arena *a, const char *const *parts, size_t n)
{
	size_t len = 1;
	char *out, *p;

	for (size_t i = 0; i < n; i++)
		len += 2 * strlen(parts[i]) + 1;
	out = p = arena_alloc(a, len);
	for (size_t i = 0; out && i < n; i++) {
		if (i > 0)
			*p++ = '/';
		for (const char *s = parts[i]; *s; s++) {
			if (*s == '/' || *s == '\\')
				*p++ = '\\';
			*p++ = *s;
		}
	}
	return out;
}

int path_split(struct arena *a, const char *text, const char *const **parts, size_t *n)
{
	size_t count = 1;
	const char **list;
	char *copy;

	for (const char *s = text; *s; s++)
		count += *s == '/';
	list = arena_alloc(a, count * sizeof(*list));
	copy = arena_alloc(a, strlen(text) + 1);
	if (!list || !copy)
		return -1;
	count = 0;
	if (*text)
		list[count++] = copy;
	for (const char *s = text; *s; s++) {
		if (*s == '/') {
			*copy++ = '\0';
			list[count++] = copy;
			continue;
		}
		if (*s == '\\' && s[1])
			s++;
		*copy++ = *s;
	}
	*copy = '\0';
	*parts = list;
	*n = count;
	return 0;
}

char *keywords_join(struct arena *a, const struct flag_set *set)
{
	size_t len = 1;
	char *out, *p;

	if (set->n_keywords == 0)
		return NULL;
	for (size_t i = 0; i < set->n_keywords; i++)
		len += strlen(set->keywords[i]) + 1;
	out = p = arena_alloc(a, len);
	for (size_t i = 0; out && i < set->n_keywords; i++) {
		size_t n = strlen(set->keywords[i]);

		if (i > 0)
			*p++ = ' ';
		memcpy(p, set->keywords[i], n);
		p += n;
	}
	return out;
}

void keywords_split(struct arena *a, const char *text, struct flag_set *set)
{
	struct slice rest = slice_str(text);

	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');

		if (word.len > 0 && set->n_keywords < KEYWORDS_MAX) {
			char *copy = arena_slice(a, word);

			if (copy)
				set->keywords[set->n_keywords++] = copy;
		}
	}
}

void column_bytes(sqlite3_stmt *st, int column, uint8_t *out, size_t len)
{
	struct slice blob = db_blob(st, column);

	if (blob.len == len)
		memcpy(out, blob.ptr, len);
	else
		memset(out, 0, len);
}

int row_after(struct journal *j, const char *sql, int64_t run, int64_t after, sqlite3_stmt **out,
	      struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, sql, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	*out = st;
	return one_row(j, st, err);
}

int64_t column_time(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? TIME_NONE
							      : sqlite3_column_int64(st, column);
}

int one_count(struct journal *j, sqlite3_stmt *st, uint64_t *out, struct err *err)
{
	int got = one_row(j, st, err);

	if (got > 0)
		*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

int count_of_run(struct journal *j, const char *sql, int64_t run, uint64_t *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, sql, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return one_count(j, st, out, err);
}
