/*
 * Commands and the buffer of what is to be sent. See writer.h.
 */
#include "imap/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "message/date.h"

/* What we can say, and whether it leaves the account as it is. LOGIN may set a "last login", and
 * EXAMINE is read-only by its definition (RFC 3501 6.3.2); UID FETCH is always .PEEK and always
 * under EXAMINE in a read-only session. */
static const struct {
	const char *name;
	bool changes_nothing;
} verbs[] = {
	[VERB_CAPABILITY] = { "CAPABILITY", true },
	[VERB_NOOP] = { "NOOP", true },
	[VERB_LOGOUT] = { "LOGOUT", true },
	[VERB_STARTTLS] = { "STARTTLS", true },
	[VERB_AUTHENTICATE] = { "AUTHENTICATE", true },
	[VERB_LOGIN] = { "LOGIN", true },
	[VERB_ID] = { "ID", true },
	[VERB_NAMESPACE] = { "NAMESPACE", true },
	[VERB_LIST] = { "LIST", true },
	[VERB_XLIST] = { "XLIST", true },
	[VERB_STATUS] = { "STATUS", true },
	[VERB_EXAMINE] = { "EXAMINE", true },
	[VERB_UNSELECT] = { "UNSELECT", true },
	[VERB_GETQUOTAROOT] = { "GETQUOTAROOT", true },
	[VERB_COMPRESS] = { "COMPRESS", true },
	[VERB_UID_FETCH] = { "UID FETCH", true },
	[VERB_SELECT] = { "SELECT", false },
	[VERB_CREATE] = { "CREATE", false },
	[VERB_DELETE] = { "DELETE", false },
	[VERB_SUBSCRIBE] = { "SUBSCRIBE", false },
	[VERB_APPEND] = { "APPEND", false },
	[VERB_UID_COPY] = { "UID COPY", false },
	[VERB_UID_MOVE] = { "UID MOVE", false },
	[VERB_UID_STORE] = { "UID STORE", false },
	[VERB_UID_EXPUNGE] = { "UID EXPUNGE", false },
};
_Static_assert(sizeof(verbs) / sizeof(verbs[0]) == VERB_COUNT, "a name for every verb");

const char *verb_name(enum verb verb)
{
	return verbs[verb].name;
}

int writer_init(struct writer *w, bool read_only, struct err *err)
{
	uint64_t random;

	*w = (struct writer){ .read_only = read_only };
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "no random numbers");
	snprintf(w->tag_prefix, sizeof(w->tag_prefix), "%016" PRIx64 "x", random);
	w->ring = malloc(OUTPUT_MAX);
	return w->ring ? 0 : err_nomem(err);
}

void writer_release(struct writer *w)
{
	if (w->ring && w->secret)
		explicit_bzero(w->ring, OUTPUT_MAX);
	free(w->ring);
	*w = (struct writer){ 0 };
}

int writer_add(struct writer *w, const void *bytes, size_t len, struct err *err)
{
	size_t tail = (w->head + w->len) % OUTPUT_MAX;
	size_t first = len < OUTPUT_MAX - tail ? len : OUTPUT_MAX - tail;

	if (len > OUTPUT_MAX - w->len)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "more queued for the server than there is room for");
	if (len == 0)
		return 0;
	memcpy(w->ring + tail, bytes, first);
	memcpy(w->ring, (const char *)bytes + first, len - first);
	w->len += len;
	return 0;
}

struct slice writer_pending(const struct writer *w)
{
	size_t to_end = OUTPUT_MAX - w->head;

	return slice_of(w->ring + w->head, w->len < to_end ? w->len : to_end);
}

void writer_sent(struct writer *w, size_t len)
{
	w->head = (w->head + len) % OUTPUT_MAX;
	w->len -= len;
	if (w->len > 0)
		return;
	w->head = 0; /* long pieces again */
	if (w->secret)
		explicit_bzero(w->ring, OUTPUT_MAX);
	w->secret = false;
}

void writer_tag(const struct writer *w, uint64_t number, char tag[TAG_SIZE])
{
	snprintf(tag, TAG_SIZE, "%s%" PRIu64, w->tag_prefix, number);
}

uint64_t writer_number(const struct writer *w, struct slice tag)
{
	uint64_t number;

	if (!slice_starts(tag, slice_str(w->tag_prefix)))
		return 0;
	tag = slice_from(tag, strlen(w->tag_prefix));
	if (tag.len == 0 || tag.ptr[0] == '0' || !slice_u64(tag, &number) || number > w->counter)
		return 0;
	return number;
}

int writer_command(struct writer *w, enum verb verb, struct slice arguments, uint64_t *number,
		   struct err *err)
{
	char tag[TAG_SIZE];
	size_t need;

	if (w->read_only && !verbs[verb].changes_nothing)
		return err_set(err, ERR_READONLY, SCOPE_RUN, RETRY_NEVER,
			       "%s is not allowed in a session that only reads", verb_name(verb));
	writer_tag(w, w->counter + 1, tag);
	need = strlen(tag) + 1 + strlen(verb_name(verb)) + 1 + arguments.len;
	if (need > OUTPUT_MAX - w->len)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "no room for %s behind what is still to be sent", verb_name(verb));
	*number = ++w->counter;
	(void)writer_add(w, tag, strlen(tag), err);
	(void)writer_add(w, " ", 1, err);
	(void)writer_add(w, verb_name(verb), strlen(verb_name(verb)), err);
	if (arguments.len > 0 && arguments.ptr[0] != '\r')
		(void)writer_add(w, " ", 1, err);
	return writer_add(w, arguments.ptr, arguments.len, err);
}

/* ---- arguments ---- */

void args_release(struct args *a)
{
	if (a->text.ptr)
		explicit_bzero(a->text.ptr, a->text.cap);
	buf_release(&a->text);
}

static void separate(struct args *a)
{
	if (a->text.len > 0 && a->text.ptr[a->text.len - 1] != '(')
		buf_addc(&a->text, ' ');
}

void args_raw(struct args *a, const char *text)
{
	if (text[0] != ')')
		separate(a);
	buf_adds(&a->text, text);
}

void args_number(struct args *a, uint64_t number)
{
	separate(a);
	buf_addf(&a->text, "%" PRIu64, number);
}

/* Printable ASCII, and not so much of it that a server could mind. */
static bool quotable(struct slice text)
{
	if (text.len > 1000)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return false;
	return true;
}

bool quote(struct buf *b, struct slice text)
{
	if (!quotable(text))
		return false;
	buf_addc(b, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, text.ptr[i]);
	}
	buf_addc(b, '"');
	return true;
}

void args_string(struct args *a, struct slice text)
{
	separate(a);
	if (quote(&a->text, text))
		return;
	if (a->n_literals == ARGS_LITERALS_MAX || (text.len > 0 && memchr(text.ptr, 0, text.len))) {
		a->bad = true;
		return;
	}
	buf_addf(&a->text, "{%zu}\r\n", text.len);
	a->literal_at[a->n_literals++] = a->text.len;
	buf_add_slice(&a->text, text);
}

void args_folder(struct args *a, struct slice wire_name)
{
	if (slice_find(wire_name, '\r') >= 0 || slice_find(wire_name, '\n') >= 0)
		a->bad = true;
	args_string(a, wire_name);
}

void args_end(struct args *a)
{
	buf_adds(&a->text, "\r\n");
}

/* ---- APPEND ---- */

bool session_keyword_ok(const char *keyword)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789$_.-";
	size_t len = strspn(keyword, allowed);

	return len >= 1 && len <= 50 && keyword[len] == '\0';
}

static void add_flag(struct buf *b, bool *first, const char *name)
{
	if (!*first)
		buf_addc(b, ' ');
	*first = false;
	buf_adds(b, name);
}

int flag_list(struct buf *b, uint32_t flags, const char *const *keywords, size_t n, struct err *err)
{
	bool first = true;

	buf_addc(b, '(');
	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1)
		if (flags & bit)
			add_flag(b, &first, flag_name(bit));
	for (size_t i = 0; i < n; i++) {
		if (!session_keyword_ok(keywords[i]))
			return err_set(err, ERR_INTERNAL, SCOPE_MESSAGE, RETRY_NEVER,
				       "the keyword '%.60s' cannot be sent", keywords[i]);
		add_flag(b, &first, keywords[i]);
	}
	buf_addc(b, ')');
	return 0;
}

int append_line(struct buf *b, const struct append_spec *spec, struct err *err)
{
	char date[29];

	buf_addc(b, ' ');
	if (flag_list(b, spec->flags, spec->keywords, spec->n_keywords, err) < 0)
		return -1;
	if (spec->internaldate < INTERNALDATE_MIN || spec->internaldate > INTERNALDATE_MAX)
		return err_set(err, ERR_INTERNAL, SCOPE_MESSAGE, RETRY_NEVER,
			       "a date that servers cannot keep: %" PRId64, spec->internaldate);
	date_format_imap(date, spec->internaldate);
	buf_addf(b, " %s %s{%" PRIu64 "%s}\r\n", date, spec->literal8 ? "~" : "", spec->size,
		 spec->synchronising ? "" : "+");
	return buf_ok(b, "an APPEND line", err);
}
