/*
 * Reading the outside of responses. See response.h.
 */
#include "imap/response.h"

#include <string.h>

#include "imap/lexer.h"
#include "imap/sasl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool status_from_name(struct slice name, enum status *out)
{
	static const char *const names[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (slice_ieq(name, slice_str(names[i]))) {
			*out = (enum status)i;
			return true;
		}
	}
	return false;
}

/* "[CODE args] text"; without a closing bracket all of it is text. */
static void read_text(struct slice s, struct response *out)
{
	struct lexer l = lexer_of(s);
	struct slice inside;
	bool quoted = false;

	out->text = s;
	if (!lex_char(&l, '['))
		return;
	for (; l.at < l.end && (quoted || *l.at != ']'); l.at++) {
		if (*l.at == '"')
			quoted = !quoted;
	}
	if (l.at == l.end)
		return;
	inside = slice_of(s.ptr + 1, (size_t)(l.at - s.ptr - 1));
	out->code = slice_cut(&inside, ' ');
	out->code_args = slice_trim(inside);
	l.at++;
	lex_blanks(&l);
	out->text = lexer_rest(&l);
}

/* "12 EXISTS", "12 FETCH (...)": the number. A number that RFC 3501 does not know makes the data
 * one that nobody knows. */
static bool read_number(struct slice *rest, struct response *out)
{
	struct lexer l = lexer_of(out->name);

	if (!lex_number32(&l, &out->number) || l.at != l.end)
		return false;
	out->has_number = true;
	out->name = slice_cut(rest, ' ');
	return true;
}

static void read_untagged(struct slice rest, struct response *out)
{
	out->name = slice_cut(&rest, ' ');
	if (out->name.len > 0 && out->name.ptr[0] >= '0' && out->name.ptr[0] <= '9') {
		if (!read_number(&rest, out))
			return;
	} else if (status_from_name(out->name, &out->status)) {
		out->kind = RESPONSE_STATUS;
		read_text(rest, out);
		return;
	}
	out->kind = RESPONSE_DATA;
	out->rest = rest;
}

void response_read(const struct frame *frame, struct response *out)
{
	struct slice rest = frame->bytes;

	*out = (struct response){ .kind = RESPONSE_UNKNOWN,
				  .whole = frame->bytes,
				  .cut = frame->cut };
	if (rest.len == 0 || frame->has_nul)
		return;
	if (rest.ptr[0] == '+' && (rest.len == 1 || rest.ptr[1] == ' ')) {
		out->kind = RESPONSE_CONTINUE;
		read_text(slice_from(rest, 2), out);
		return;
	}
	out->tag = slice_cut(&rest, ' ');
	if (slice_eq(out->tag, SLICE_LIT("*"))) {
		read_untagged(rest, out);
		return;
	}
	if (!status_from_name(slice_cut(&rest, ' '), &out->status) || out->status > STATUS_BAD)
		return;
	out->kind = RESPONSE_TAGGED;
	read_text(rest, out);
}

bool response_is(const struct response *r, const char *name)
{
	return r->kind == RESPONSE_DATA && r->name.len > 0 &&
	       (r->name.ptr[0] | 0x20) == (name[0] | 0x20) && slice_ieq(r->name, slice_str(name));
}

bool response_has_code(const struct response *r, const char *code)
{
	return slice_ieq(r->code, slice_str(code));
}

const char *response_words(const struct response *r, struct buf *scratch)
{
	const char *words;

	buf_reset(scratch);
	if (r->code.len > 0 && r->code.len <= 40) {
		buf_addc(scratch, '[');
		buf_add_slice(scratch, r->code);
		buf_adds(scratch, "] ");
	}
	buf_add_slice(scratch, slice_head(slice_trim(r->text), 300));
	words = buf_cstr(scratch);
	return words && *words ? words : "(no reason given)";
}

/* ---- capabilities ---- */

static const struct {
	const char *name;
	uint32_t bit;
} capability_names[] = {
	{ "LITERAL+", CAP_LITERAL_PLUS },
	{ "LITERAL-", CAP_LITERAL_MINUS },
	{ "MULTIAPPEND", CAP_MULTIAPPEND },
	{ "UIDPLUS", CAP_UIDPLUS },
	{ "SPECIAL-USE", CAP_SPECIAL_USE },
	{ "CREATE-SPECIAL-USE", CAP_CREATE_SPECIAL_USE },
	{ "NAMESPACE", CAP_NAMESPACE },
	{ "LIST-EXTENDED", CAP_LIST_EXTENDED },
	{ "LIST-STATUS", CAP_LIST_STATUS },
	{ "CONDSTORE", CAP_CONDSTORE },
	{ "QRESYNC", CAP_CONDSTORE },
	{ "MOVE", CAP_MOVE },
	{ "UNSELECT", CAP_UNSELECT },
	{ "ID", CAP_ID },
	{ "SASL-IR", CAP_SASL_IR },
	{ "STARTTLS", CAP_STARTTLS },
	{ "LOGINDISABLED", CAP_LOGINDISABLED },
	{ "QUOTA", CAP_QUOTA },
	{ "COMPRESS=DEFLATE", CAP_COMPRESS },
	{ "ENABLE", CAP_ENABLE },
	{ "ESEARCH", CAP_ESEARCH },
	{ "X-GM-EXT-1", CAP_GMAIL },
	{ "STATUS=SIZE", CAP_STATUS_SIZE },
	{ "BINARY", CAP_BINARY },
	{ "APPENDLIMIT", CAP_APPENDLIMIT },
};

static void read_capability(struct slice word, struct capabilities *out)
{
	enum sasl_mech mech;
	uint64_t limit;

	if (slice_istarts(word, SLICE_LIT("AUTH="))) {
		mech = sasl_mech_from_name(slice_from(word, 5));
		out->auth |= mech == SASL_NONE ? 0 : SASL_BIT(mech);
		return;
	}
	if (slice_istarts(word, SLICE_LIT("APPENDLIMIT="))) {
		out->bits |= CAP_APPENDLIMIT;
		if (slice_u64(slice_from(word, 12), &limit))
			out->append_limit = limit;
		return;
	}
	if (slice_ieq(word, SLICE_LIT("XLIST")))
		out->xlist = true;
	for (size_t i = 0; i < COUNT(capability_names); i++)
		if (slice_ieq(word, slice_str(capability_names[i].name)))
			out->bits |= capability_names[i].bit;
}

void capabilities_read(struct slice list, struct capabilities *out)
{
	*out = (struct capabilities){ .known = true };
	while (list.len > 0)
		read_capability(slice_cut(&list, ' '), out);
}

/* ---- refusals ---- */

struct refusal_code {
	const char *code;
	enum refusal refusal;
};
static const struct refusal_code refusal_codes[] = {
	{ "TRYCREATE", REFUSAL_NO_FOLDER },	{ "NONEXISTENT", REFUSAL_NO_FOLDER },
	{ "TOOBIG", REFUSAL_TOO_BIG },		{ "OVERQUOTA", REFUSAL_QUOTA },
	{ "NOPERM", REFUSAL_PERMISSION },	{ "READ-ONLY", REFUSAL_PERMISSION },
	{ "SERVERBUG", REFUSAL_SERVER },	{ "UNAVAILABLE", REFUSAL_SERVER },
	{ "INUSE", REFUSAL_THROTTLED },		{ "CORRUPTION", REFUSAL_SERVER },
	{ "CONTACTADMIN", REFUSAL_PERMISSION }, { "UNKNOWN-CTE", REFUSAL_CONTENT },
};

/* Words, ASCII case folded, in the order of asking: throttling before quota, because Gmail says
 * [OVERQUOTA] of its bandwidth too. */
struct refusal_words {
	const char *words;
	enum refusal refusal;
};
static const struct refusal_words refusal_words[] = {
	{ "request is throttled", REFUSAL_THROTTLED },
	{ "rate limit hit", REFUSAL_THROTTLED },
	{ "command sent too fast", REFUSAL_THROTTLED },
	{ "exceeded command or bandwidth limits", REFUSAL_THROTTLED },
	{ "temporary system problem", REFUSAL_THROTTLED },
	{ "connection closed. 14", REFUSAL_THROTTLED }, /* Exchange, after that */
	{ "session expired", REFUSAL_THROTTLED },	/* Gmail */
	{ "too many simultaneous connections", REFUSAL_THROTTLED },
	{ "maximum number of connections", REFUSAL_THROTTLED },
	{ "too many open connections", REFUSAL_THROTTLED },
	{ "too many connections", REFUSAL_THROTTLED },
	{ "service busy", REFUSAL_THROTTLED },

	{ "over quota", REFUSAL_QUOTA },
	{ "exceeded your mail quota", REFUSAL_QUOTA },
	{ "quota exceeded", REFUSAL_QUOTA },
	{ "quota has been exceeded", REFUSAL_QUOTA },
	{ "quota limit will be exceeded", REFUSAL_QUOTA },
	{ "storage limit has been exceeded", REFUSAL_QUOTA },
	{ "mailbox is full", REFUSAL_QUOTA },
	{ "blocks limit exceeded", REFUSAL_QUOTA },

	{ "mail size", REFUSAL_TOO_BIG },
	{ "maximum size of appendable message", REFUSAL_TOO_BIG },
	{ "maximum message size exceeded", REFUSAL_TOO_BIG },
	{ "exceeds fixed maximum message size", REFUSAL_TOO_BIG },
	{ "message size exceeds", REFUSAL_TOO_BIG },
	{ "literal size too large", REFUSAL_TOO_BIG },
	{ "command line limit exceeded", REFUSAL_TOO_BIG },

	{ "invalid system flag", REFUSAL_FLAGS },
	{ "invalid flag", REFUSAL_FLAGS },
	{ "unknown systemflag", REFUSAL_FLAGS },
	{ "unrecognized flag", REFUSAL_FLAGS },
	{ "too many user flags", REFUSAL_FLAGS },
	{ "invalid characters in keyword", REFUSAL_FLAGS },
	{ "keyword length", REFUSAL_FLAGS },

	{ "invalid header", REFUSAL_CONTENT },
	{ "bare newlines", REFUSAL_CONTENT },
	{ "nul characters", REFUSAL_CONTENT },
	{ "unable to parse message", REFUSAL_CONTENT },
	{ "header limit reached", REFUSAL_CONTENT },
	{ "command argument error. 11", REFUSAL_CONTENT },
	{ "contains a virus", REFUSAL_CONTENT },
	{ "unexpected exception", REFUSAL_CONTENT },
	{ "zero byte message", REFUSAL_CONTENT },
	{ "zero-length message", REFUSAL_CONTENT },
	{ "empty message not permitted", REFUSAL_CONTENT },

	{ "out of disk space", REFUSAL_SERVER }, /* Courier says both in one sentence */
	{ "permission denied", REFUSAL_PERMISSION },
	{ "no write permission", REFUSAL_PERMISSION },
	{ "mailbox does not exist", REFUSAL_NO_FOLDER },
	{ "mailbox doesn't exist", REFUSAL_NO_FOLDER },

	{ "internal error", REFUSAL_SERVER },
	{ "system i/o error", REFUSAL_SERVER },
	{ "mailbox was deleted under us", REFUSAL_SERVER },
	{ "temporary problem", REFUSAL_SERVER },
	{ "server shutting down", REFUSAL_SERVER },
	{ "server unavailable", REFUSAL_SERVER },
	{ "undergoing maintenance", REFUSAL_SERVER },
	{ "temporarily unavailable", REFUSAL_SERVER },
	{ "try again later", REFUSAL_SERVER },
};

static enum refusal by_words(struct slice text)
{
	for (size_t i = 0; i < COUNT(refusal_words); i++)
		if (slice_ifind(text, slice_str(refusal_words[i].words)) >= 0)
			return refusal_words[i].refusal;
	return REFUSAL_NONE;
}

enum refusal refusal_of(const struct response *r)
{
	enum refusal words = by_words(r->text);

	if (words == REFUSAL_THROTTLED)
		return words;
	for (size_t i = 0; i < COUNT(refusal_codes); i++)
		if (response_has_code(r, refusal_codes[i].code))
			return refusal_codes[i].refusal;
	/* [LIMIT] and [CANNOT] say only together with words what the matter is. */
	if (words != REFUSAL_NONE)
		return words;
	if (response_has_code(r, "LIMIT"))
		return REFUSAL_THROTTLED;
	if (r->status == STATUS_BAD)
		return REFUSAL_SYNTAX;
	return REFUSAL_OTHER;
}

bool refusal_may_pass(const struct response *r)
{
	return response_has_code(r, "UNAVAILABLE") ||
	       slice_ifind(r->text, SLICE_LIT("temporarily unavailable")) >= 0 ||
	       slice_ifind(r->text, SLICE_LIT("try again later")) >= 0;
}

#define WAIT_MOST_MS UINT32_C(7200000) /* 50 minutes have been seen */

uint32_t refusal_wait_ms(const char *words)
{
	static const char before[] = "backoff time: ";
	struct slice text = slice_str(words);
	ptrdiff_t at = slice_ifind(text, slice_str(before));
	uint64_t ms = 0;

	if (at < 0)
		return 0;
	text = slice_from(text, (size_t)at + sizeof(before) - 1);
	for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		ms = ms < WAIT_MOST_MS ? ms * 10 + (uint64_t)(text.ptr[i] - '0') : ms;
	return ms < WAIT_MOST_MS ? (uint32_t)ms : WAIT_MOST_MS;
}

bool says_too_many_connections(struct slice words)
{
	static const char *const texts[] = {
		"too many simultaneous connections",
		"maximum number of connections",
		"too many open connections",
		"too many connections",
		"service busy",
		"not connected",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (slice_ifind(words, slice_str(texts[i])) >= 0)
			return true;
	return false;
}
