/*
 * The index: UID, flags, date, size and a few header fields of every message of a
 * folder (RFC 3501 7.4.2), read by hand, one FETCH response at a time. It takes
 * half a microsecond a message and no memory; libetpan takes ten times that and
 * keeps everything (imap-client.md 4).
 */
#include "imap/session_impl.h"

#include <inttypes.h>
#include <string.h>

#include "imap/lexer.h"
#include "message/date.h"
#include "imap/uid_set.h"
#include "message/keys.h"

#define FETCH_REST_MAX 1000 /* octets of a FETCH beside its UID set */

static bool read_flags(struct lexer *l, struct arena *a, struct flag_set *out)
{
	struct slice word;
	uint32_t bit;

	*out = (struct flag_set){ 0 };
	if (!lex_char(l, '('))
		return false;
	for (lex_blanks(l); !lex_char(l, ')'); lex_blanks(l)) {
		if (!lex_atom(l, &word))
			return false;
		bit = word.ptr[0] == '\\' ? flag_from_name(word) : 0;
		out->system |= bit;
		/* A set that is full stays full: the index is for comparing, not for carrying. */
		if (word.ptr[0] != '\\')
			(void)flag_set_add_keyword(out, a, word);
	}
	return true;
}

static bool read_date(struct lexer *l, int64_t *out)
{
	struct token token;

	if (!lex_token(l, &token))
		return false;
	*out = date_parse_imap(slice_trim(token.bytes));
	return true;
}

static bool read_header(struct lexer *l, struct buf *scratch, struct slice *out)
{
	struct token token;

	if (!lex_token(l, &token))
		return false;
	*out = token_text(&token, scratch);
	return !scratch->failed;
}

static bool is_name(struct slice name, const char *text, size_t len)
{
	return name.len == len &&
	       (memcmp(name.ptr, text, len) == 0 || slice_ieq(name, slice_of(text, len)));
}
#define IS(name_, literal_) is_name((name_), (literal_), sizeof(literal_) - 1)

static bool read_item(struct lexer *l, struct slice name, struct arena *a, struct buf *scratch,
		      struct fetched *out)
{
	struct index_row *row = &out->row;

	if (IS(name, "UID"))
		return out->has_uid = lex_number32(l, &row->uid) && row->uid > 0;
	if (IS(name, "FLAGS"))
		return out->has_flags = read_flags(l, a, &row->flags);
	if (IS(name, "INTERNALDATE"))
		return out->has_date = read_date(l, &row->internaldate);
	if (IS(name, "RFC822.SIZE"))
		return out->has_size = lex_number(l, &row->size);
	if (IS(name, "X-GM-MSGID"))
		return lex_number(l, &row->gmail_id);
	if (name.len > 11 && is_name(slice_head(name, 11), "BODY[HEADER", 11))
		return out->has_header = read_header(l, scratch, &row->header);
	return lex_skip(l);
}

bool fetch_items(struct slice rest, struct arena *a, struct buf *scratch, struct fetched *out)
{
	struct lexer l = lexer_of(rest);
	struct slice name;

	out->has_uid = out->has_size = out->has_flags = out->has_date = out->has_header = false;
	out->row.uid = 0;
	out->row.size = out->row.gmail_id = 0;
	out->row.internaldate = TIME_NONE;
	out->row.flags.system = 0;
	out->row.flags.n_keywords = 0;
	out->row.header = SLICE_LIT("");
	if (!lex_char(&l, '('))
		return false;
	for (lex_blanks(&l); !lex_char(&l, ')'); lex_blanks(&l)) {
		if (!lex_word(&l, &name))
			return false;
		lex_blanks(&l);
		if (!read_item(&l, name, a, scratch, out))
			return false;
	}
	return true;
}

static void add_items(struct args *args, const struct session *s, bool header)
{
	buf_adds(&args->text, " (UID FLAGS INTERNALDATE RFC822.SIZE");
	if (s->caps.bits & CAP_GMAIL)
		buf_adds(&args->text, " X-GM-MSGID");
	if (header)
		buf_adds(&args->text, " BODY.PEEK[HEADER.FIELDS (" KEY_FIELDS ")]");
	buf_addc(&args->text, ')');
}

static void rows_args(struct args *args, const struct session *s, uint32_t first, bool header)
{
	buf_addf(&args->text, "%" PRIu32 ":*", first > 0 ? first : 1);
	add_items(args, s, header);
}

static void flags_args(struct args *args, uint64_t since)
{
	buf_adds(&args->text, "1:* (UID FLAGS)");
	if (since > 0)
		buf_addf(&args->text, " (CHANGEDSINCE %" PRIu64 ")", since);
}

int session_index_ahead(struct session *s, uint32_t first, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	rows_args(&args, s, first, true);
	return ahead_announce(s, VERB_UID_FETCH, &args, err);
}

int session_flags_ahead(struct session *s, uint64_t since, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	flags_args(&args, since);
	return ahead_announce(s, VERB_UID_FETCH, &args, err);
}

static int index_from(struct session *s, uint32_t first, bool header, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	if (session_check(s, err) < 0 || command_finish(s, err) < 0)
		return -1;
	s->index = (struct index_state){ .active = true, .no_header = !header, .first = first };
	if (s->exists == 0) /* "1:*" of an empty folder is a syntax error to some servers */
		return 0;
	rows_args(&args, s, first, header);
	if (command_start(s, VERB_UID_FETCH, &args, err) < 0)
		return -1;
	s->index.active = true; /* command_start() gives up what was active */
	return 0;
}

int session_index_start(struct session *s, uint32_t first, struct err *err)
{
	return index_from(s, first, true, err);
}

int session_sizes_start(struct session *s, uint32_t first, struct err *err)
{
	return index_from(s, first, false, err);
}

int session_flags_start(struct session *s, uint64_t since, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	if (session_check(s, err) < 0 || command_finish(s, err) < 0)
		return -1;
	s->index = (struct index_state){ .active = true, .flags_only = true };
	if (s->exists == 0)
		return 0;
	flags_args(&args, since);
	if (command_start(s, VERB_UID_FETCH, &args, err) < 0)
		return -1;
	s->index.active = true;
	return 0;
}

int session_index_start_set(struct session *s, const uint32_t *uids, size_t n, bool header,
			    size_t *taken, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	if (session_check(s, err) < 0 || command_finish(s, err) < 0)
		return -1;
	*taken = uid_set_add(&args.text, uids, n, SET_LINE_MAX - FETCH_REST_MAX);
	add_items(&args, s, header);
	s->index = (struct index_state){ .active = true, .no_header = !header };
	if (*taken == 0)
		return 0;
	if (command_start(s, VERB_UID_FETCH, &args, err) < 0)
		return -1;
	s->index.active = s->index.by_set = true;
	return 0;
}

/* A row that answers our question: 1; an answer nobody asked for (it has flags alone): 0; -1: an
 * answer without what every message has. Nothing could be compared with such a row. */
static int is_row(const struct session *s, const struct fetched *f)
{
	if (s->index.flags_only)
		return f->has_uid && f->has_flags;
	if (!f->has_header && !f->has_size)
		return 0;
	if (!f->has_uid || !f->has_size || !(f->has_header || s->index.no_header))
		return -1;
	return s->index.by_set ? f->has_flags : f->row.uid >= s->index.first;
}

static int end_of_index(struct session *s, const struct response *r, struct err *err)
{
	s->index.active = false;
	if (r->status != STATUS_OK)
		return refused(s, VERB_UID_FETCH, r, SCOPE_FOLDER, err);
	if (s->index.unreadable > 0)
		return err_set(err, ERR_PROTOCOL, SCOPE_FOLDER, RETRY_LATER,
			       "%" PRIu64
			       " answers of the server could not be read; what they tell "
			       "of might be uploaded twice",
			       s->index.unreadable);
	return 0;
}

/* `next` gives the responses of the command at work. */
static int next_row(struct session *s,
		    int (*next)(struct session *s, struct response *r, struct err *err),
		    struct arena *a, struct index_row *out, struct err *err)
{
	struct response r;
	struct fetched f;
	int got;

	if (!s->index.active)
		return session_check(s, err);
	if (!s->command.active) {
		s->index.active = false;
		return 0;
	}
	while ((got = next(s, &r, err)) == 1) {
		if (!r.has_number || !response_is(&r, "FETCH"))
			continue;
		if (!fetch_items(r.rest, a, &s->scratch, &f)) {
			s->index.unreadable++;
			continue;
		}
		got = is_row(s, &f);
		if (got > 0) {
			*out = f.row;
			return 1;
		}
		s->index.unreadable += got < 0;
	}
	if (got == 0)
		return end_of_index(s, &r, err);
	if (got < 0)
		s->index.active = false;
	return got;
}

int session_index_next(struct session *s, struct arena *a, struct index_row *out, struct err *err)
{
	return next_row(s, command_next, a, out, err);
}

int session_index_try(struct session *s, struct arena *a, struct index_row *out, struct err *err)
{
	return next_row(s, command_next_now, a, out, err);
}
