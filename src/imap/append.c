/*
 * Uploading: APPEND (RFC 3501 6.3.11), several messages in one (RFC 3502), octets
 * sent without waiting (RFC 7888), and the answers with their UIDs (RFC 4315).
 *
 * An APPEND gets a place in a ring when it begins and leaves it when it is reaped.
 * A line that the server rejects makes some servers read the mail behind it as
 * commands (servers.md 0.1), therefore a BAD to octets that were sent unasked ends
 * the session at once.
 */
#include "imap/session_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "imap/lexer.h"

#define LINE_MAX_OCTETS	  8000 /* of flags, keywords and date: more than servers take */
#define LITERAL_MINUS_MAX 4096 /* RFC 7888 5 */

struct pending *session_pending(const struct session *s, size_t i)
{
	return &s->ring[(s->ring_head + i) % PIPELINE_MAX];
}

static int misuse(struct err *err, const char *what)
{
	return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER, "upload: %s", what);
}

size_t session_room(const struct session *s)
{
	if (s->dead || s->ring_len == PIPELINE_MAX || s->writer.len >= OUTPUT_WINDOW)
		return 0;
	return OUTPUT_WINDOW - s->writer.len;
}

struct pending *session_enqueue(struct session *s, enum verb verb, struct slice arguments,
				struct err *err)
{
	struct pending *p;
	uint64_t number;

	if (session_check(s, err) < 0 || command_finish(s, err) < 0 || ahead_drop(s, err) < 0 ||
	    ahead_check(s, verb, err) < 0)
		return NULL;
	if (s->append.open || s->ring_len == PIPELINE_MAX) {
		misuse(err,
		       s->append.open ? "another APPEND is open" : "too many commands at once");
		return NULL;
	}
	session_turn(s);
	if (writer_command(&s->writer, verb, arguments, &number, err) < 0)
		return NULL;
	p = session_pending(s, s->ring_len++);
	*p = (struct pending){ .number = number, .verb = verb };
	p->result.ticket = (int64_t)number;
	s->n_undone++;
	return p;
}

int64_t session_append_begin(struct session *s, const char *wire_name, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct pending *p;

	args_folder(&args, slice_str(wire_name));
	if (args.bad || args.n_literals > 0)
		return err_set(err, ERR_REFUSED, SCOPE_FOLDER, RETRY_NEVER,
			       "the folder's name has octets that cannot be sent safely");
	if (buf_ok(&args.text, "a folder name", err) < 0)
		return -1;
	p = session_enqueue(s, VERB_APPEND, buf_slice(&args.text), err);
	if (!p)
		return -1;
	s->append = (struct composing){ .open = true, .number = p->number };
	trace(s, "C: APPEND ", buf_slice(&args.text));
	return p->result.ticket;
}

/* May these octets go without a "+"? */
static bool may_go_unasked(const struct session *s, uint64_t size)
{
	return (s->caps.bits & CAP_LITERAL_PLUS) ||
	       ((s->caps.bits & CAP_LITERAL_MINUS) && size <= LITERAL_MINUS_MAX);
}

int session_append_message(struct session *s, const struct append_spec *spec, struct err *err)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT(LINE_MAX_OCTETS);
	struct pending *p;

	if (session_check(s, err) < 0)
		return -1;
	if (!s->append.open || s->append.left > 0 || s->append.wants_continue)
		return misuse(err, "a message where none belongs");
	if (s->append.refused) { /* nobody wants it any more */
		s->append.left = spec->size;
		s->append.open = !spec->synchronising;
		return 0;
	}
	p = session_pending(s, s->ring_len - 1);
	if (p->n_messages > 0 && !(s->caps.bits & CAP_MULTIAPPEND))
		return misuse(err, "a second message, but the server has no MULTIAPPEND");
	if (!spec->synchronising && !may_go_unasked(s, spec->size))
		return misuse(err, "octets without waiting, but the server has no LITERAL+");
	if (spec->size > FRAME_STREAM_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "a message of 4 GiB or more cannot be uploaded");
	session_turn(s);
	if (append_line(&line, spec, err) < 0 ||
	    writer_add(&s->writer, line.ptr, line.len, err) < 0)
		return -1;
	trace(s, "C: ...", buf_slice(&line));
	p->n_messages++;
	p->unproven |= !spec->synchronising;
	p->octets += spec->size;
	s->octets_undone += spec->size;
	s->append.left = spec->size;
	s->append.wants_continue = spec->synchronising;
	return 0;
}

int session_may_continue(struct session *s)
{
	session_digest(s);
	if (s->dead || !s->append.open)
		return -1;
	return !s->append.wants_continue;
}

/* The server has refused the command while octets were on their way: it swallows those (RFC 7888 4;
 * Dovecot and Cyrus also what follows), and the end of the line. What the caller still has to say
 * of this command is not sent. */
static int give_up(struct session *s, struct err *err)
{
	s->append.in_octets = false;
	return writer_add(&s->writer, "\r\n", 2, err);
}

int session_append_bytes(struct session *s, const void *bytes, size_t len, struct err *err)
{
	if (session_check(s, err) < 0)
		return -1;
	if (!s->append.open || s->append.wants_continue || len > s->append.left)
		return misuse(err, "octets where none belong");
	if (s->append.refused && !s->append.in_octets) {
		s->append.left -= len;
		return 0;
	}
	session_turn(s);
	if (session_write_early(s, slice_of(bytes, len), err) < 0)
		return -1;
	s->append.left -= len;
	return s->append.refused && s->append.left == 0 ? give_up(s, err) : 0;
}

int session_append_end(struct session *s, struct err *err)
{
	if (session_check(s, err) < 0)
		return -1;
	if (!s->append.open || s->append.wants_continue || s->append.left > 0 ||
	    session_pending(s, s->ring_len - 1)->n_messages == 0)
		return misuse(err, "an APPEND ended in its middle");
	session_turn(s);
	if (!s->append.refused && writer_add(&s->writer, "\r\n", 2, err) < 0)
		return -1;
	s->append.open = false;
	return 0;
}

int session_noop(struct session *s, struct err *err)
{
	return session_enqueue(s, VERB_NOOP, SLICE_LIT("\r\n"), err) ? 0 : -1;
}

/* ---- answers ---- */

bool append_continued(struct session *s)
{
	/* An answer to a line that has not gone out is no answer. */
	if (!s->append.open || !s->append.wants_continue || s->writer.len > 0)
		return false;
	s->append.wants_continue = false;
	s->news = true;
	return true;
}

/* "5", "5:9" or "9:5": the range and how many. */
static bool read_range(struct lexer *l, uint32_t *first, uint32_t *last)
{
	if (!lex_number32(l, first) || *first == 0)
		return false;
	*last = *first;
	return !lex_char(l, ':') || (lex_number32(l, last) && *last >= *first);
}

/* "[APPENDUID validity set]" of `n` messages: what is no single ascending range of as many UIDs
 * tells nothing about which message is which. */
static void read_appenduid(struct slice args, uint32_t n, struct append_result *out)
{
	struct lexer l = lexer_of(args);
	uint32_t validity, first, last, from, to;

	if (!lex_number32(&l, &validity) || validity == 0 || !lex_char(&l, ' '))
		return;
	if (!read_range(&l, &first, &last))
		return;
	while (lex_char(&l, ',')) {
		if (!read_range(&l, &from, &to) || from != last + 1)
			return;
		last = to;
	}
	if (l.at != l.end || last - first != n - 1)
		return;
	out->uidvalidity = validity;
	out->first_uid = first;
	out->last_uid = last;
	out->n_uids = n;
}

static void settle(struct session *s, struct pending *p, const struct response *r)
{
	struct append_result *result = &p->result;

	p->done = s->news = true;
	s->n_undone--;
	s->octets_undone -= p->octets;
	session_progress(s);
	result->ok = r->status == STATUS_OK;
	if (result->ok && response_has_code(r, "APPENDUID") && p->n_messages > 0)
		read_appenduid(r->code_args, p->n_messages, result);
	filing_ended(p, r);
	if (!result->ok) {
		result->refusal = refusal_of(r);
		p->text = strdup(response_words(r, &s->scratch));
	}
}

/* The command that has ended was still being composed. When it waits for a "+", nothing was sent
 * and all is well. When octets are on their way, they have to follow. */
static void stop_composing(struct session *s, const struct pending *p)
{
	struct err err;

	if (!s->append.open || s->append.number != p->number)
		return;
	if (p->result.ok || p->n_messages == 0) {
		session_fail_protocol(s, &err, "answered an APPEND before its end");
	} else if (s->append.wants_continue) {
		s->append.open = false;
	} else {
		s->append.refused = true;
		s->append.in_octets = s->append.left > 0;
		if (!s->append.in_octets && give_up(s, &err) < 0)
			session_fail(s, &err);
	}
}

bool append_ended(struct session *s, uint64_t number, const struct response *r)
{
	struct pending *p = NULL;
	struct err err;

	for (size_t i = 0; i < s->ring_len && !p; i++)
		if (session_pending(s, i)->number == number)
			p = session_pending(s, i);
	if (!p || p->done)
		return false;
	settle(s, p, r);
	stop_composing(s, p);
	if (r->status == STATUS_BAD && p->unproven)
		session_fail_protocol(s, &err,
				      "did not understand an APPEND; the line was closed "
				      "before it could take mail for commands");
	return true;
}

static void pending_release(struct pending *p)
{
	free(p->text);
	free(p->from);
	free(p->to);
	p->text = NULL;
	p->from = p->to = NULL;
}

/* Their answers are nobody's concern. */
static bool is_unasked(const struct pending *p)
{
	return p->verb == VERB_NOOP || p->verb == VERB_SUBSCRIBE || p->verb == VERB_ID;
}

bool append_only_unasked(const struct session *s)
{
	for (size_t i = 0; i < s->ring_len; i++)
		if (!session_pending(s, i)->done && !is_unasked(session_pending(s, i)))
			return false;
	return s->n_undone > 0;
}

int session_reap(struct session *s, struct append_result *out, struct err *err)
{
	session_digest(s);
	while (s->ring_len > 0 && session_pending(s, 0)->done) {
		struct pending *p = session_pending(s, 0);

		pending_release(&s->reaped);
		s->reaped = *p;
		p->text = NULL;
		p->from = p->to = NULL;
		s->ring_head = (s->ring_head + 1) % PIPELINE_MAX;
		s->ring_len--;
		if (is_unasked(&s->reaped))
			continue;
		*out = s->reaped.result;
		out->from = s->reaped.from;
		out->to = s->reaped.to;
		out->text = s->reaped.text ? s->reaped.text : "";
		return 1;
	}
	return session_check(s, err);
}

void append_release(struct session *s)
{
	for (size_t i = 0; i < s->ring_len; i++)
		pending_release(session_pending(s, i));
	pending_release(&s->reaped);
}
