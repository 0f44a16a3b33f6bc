/*
 * Sets of keywords within SQL: united, and what one has more than the other. Words
 * are compared without case, as IMAP servers do, and only those that may stand on a
 * command line are ever taken.
 */
#include <string.h>

#include "plan/internal.h"

#define KEYWORD_LEN_MAX	  50	/* Dovecot refuses longer ones */
#define KEYWORDS_TEXT_MAX 16384 /* of one message, united */

bool plan_keyword_ok(struct slice keyword)
{
	if (keyword.len == 0 || keyword.len > KEYWORD_LEN_MAX)
		return false;
	for (size_t i = 0; i < keyword.len; i++) {
		unsigned char c = (unsigned char)keyword.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("$_.-", c)) ||
		    c == 0)
			return false;
	}
	return true;
}

static bool has_word(const struct buf *text, struct slice word)
{
	struct slice rest = buf_slice(text);

	while (rest.len > 0)
		if (slice_ieq(slice_cut(&rest, ' '), word))
			return true;
	return false;
}

static void add_words(struct buf *text, const unsigned char *words, size_t *n)
{
	struct slice rest = slice_str((const char *)words);

	while (rest.len > 0 && *n < KEYWORDS_MAX) {
		struct slice word = slice_cut(&rest, ' ');

		if (!plan_keyword_ok(word) || has_word(text, word))
			continue;
		if (text->len > 0)
			buf_addc(text, ' ');
		buf_add_slice(text, word);
		(*n)++;
	}
}

/* SQL: mail_keywords(a, b): the keywords of both that may go up, each once; NULL for none. */
static void sql_keywords(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(KEYWORDS_TEXT_MAX);
	size_t n = 0;

	for (int i = 0; i < argc; i++)
		add_words(&text, sqlite3_value_text(argv[i]), &n);
	if (text.failed)
		sqlite3_result_error_nomem(context);
	else if (text.len > 0)
		sqlite3_result_text(context, text.ptr, (int)text.len, SQLITE_TRANSIENT);
}

/* SQL: keywords_minus(a, b): the keywords of a that may go up and are not in b; NULL for none. */
static void sql_minus(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(KEYWORDS_TEXT_MAX);
	CLEANUP(buf_release) struct buf less = BUF_INIT(KEYWORDS_TEXT_MAX);
	struct slice rest = slice_str((const char *)sqlite3_value_text(argv[0]));

	(void)argc;
	buf_add_slice(&less, slice_str((const char *)sqlite3_value_text(argv[1])));
	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');

		if (!plan_keyword_ok(word) || has_word(&less, word) || has_word(&text, word))
			continue;
		if (text.len > 0)
			buf_addc(&text, ' ');
		buf_add_slice(&text, word);
	}
	if (text.failed || less.failed)
		sqlite3_result_error_nomem(context);
	else if (text.len > 0)
		sqlite3_result_text(context, text.ptr, (int)text.len, SQLITE_TRANSIENT);
}

int keyword_functions(struct db *db, struct err *err)
{
	const int kind = SQLITE_UTF8 | SQLITE_DETERMINISTIC;

	if (sqlite3_create_function(db->sqlite, "mail_keywords", 2, kind, NULL, sql_keywords, NULL,
				    NULL) != SQLITE_OK ||
	    sqlite3_create_function(db->sqlite, "keywords_minus", 2, kind, NULL, sql_minus, NULL,
				    NULL) != SQLITE_OK)
		return err_nomem(err);
	return 0;
}
