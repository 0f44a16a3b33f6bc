/*
 * Filing by the server: UID COPY, UID MOVE (RFC 6851), UID STORE (RFC 3501 6.4.6,
 * 7162 3.1.3) and UID EXPUNGE (RFC 4315), and what their answers tell: COPYUID and
 * MODIFIED.
 *
 * They wait in the same ring as APPENDs. A line holds a UID set as long as most
 * servers take; what does not fit is the caller's next command.
 */
#include "imap/session_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "imap/lexer.h"
#include "imap/uid_set.h"

#define TAG_AND_VERB_MAX 64

/* ---- commands ---- */

/* `rest` stands behind the set. */
static int64_t submit(struct session *s, enum verb verb, const uint32_t *uids, size_t n,
		      struct slice rest, size_t *taken, struct err *err)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT(COMMAND_MAX);
	struct pending *p;
	size_t fit;

	if (n == 0 || rest.len + TAG_AND_VERB_MAX >= SET_LINE_MAX)
		return err_set(err, ERR_INTERNAL, SCOPE_FOLDER, RETRY_NEVER,
			       "%s without a UID, or with too long an argument", verb_name(verb));
	fit = uid_set_add(&line, uids, n, SET_LINE_MAX - TAG_AND_VERB_MAX - rest.len);
	buf_add_slice(&line, rest);
	buf_adds(&line, "\r\n");
	if (buf_ok(&line, "a command", err) < 0)
		return -1;
	p = session_enqueue(s, verb, buf_slice(&line), err);
	if (!p)
		return -1;
	trace(s, "C: ", slice_str(verb_name(verb)));
	trace(s, "C: ...", buf_slice(&line));
	*taken = fit;
	return p->result.ticket;
}

static int64_t into_folder(struct session *s, enum verb verb, const uint32_t *uids, size_t n,
			   const char *wire_name, size_t *taken, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	CLEANUP(buf_release) struct buf rest = BUF_INIT(COMMAND_MAX);

	args_folder(&args, slice_str(wire_name));
	if (args.bad || args.n_literals > 0)
		return err_set(err, ERR_REFUSED, SCOPE_FOLDER, RETRY_NEVER,
			       "the folder's name has octets that cannot be sent safely");
	buf_addc(&rest, ' ');
	buf_add_slice(&rest, buf_slice(&args.text));
	if (buf_ok(&rest, "a folder name", err) < 0)
		return -1;
	return submit(s, verb, uids, n, buf_slice(&rest), taken, err);
}

int64_t session_copy(struct session *s, const uint32_t *uids, size_t n, const char *wire_name,
		     size_t *taken, struct err *err)
{
	return into_folder(s, VERB_UID_COPY, uids, n, wire_name, taken, err);
}

static int64_t lacks(enum verb verb, const char *capability, struct err *err)
{
	return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
		       "%s, but the server has no %s", verb_name(verb), capability);
}

int64_t session_move(struct session *s, const uint32_t *uids, size_t n, const char *wire_name,
		     size_t *taken, struct err *err)
{
	if (!(s->caps.bits & CAP_MOVE))
		return lacks(VERB_UID_MOVE, "MOVE", err);
	return into_folder(s, VERB_UID_MOVE, uids, n, wire_name, taken, err);
}

int64_t session_store(struct session *s, const uint32_t *uids, size_t n,
		      const struct store_spec *spec, size_t *taken, struct err *err)
{
	CLEANUP(buf_release) struct buf rest = BUF_INIT(COMMAND_MAX);

	if (spec->unchanged_since > 0)
		buf_addf(&rest, " (UNCHANGEDSINCE %" PRIu64 ")", spec->unchanged_since);
	buf_adds(&rest, spec->remove ? " -FLAGS.SILENT " : " +FLAGS.SILENT ");
	if (flag_list(&rest, spec->flags, spec->keywords, spec->n_keywords, err) < 0 ||
	    buf_ok(&rest, "a list of flags", err) < 0)
		return -1;
	return submit(s, VERB_UID_STORE, uids, n, buf_slice(&rest), taken, err);
}

int64_t session_expunge(struct session *s, const uint32_t *uids, size_t n, size_t *taken,
			struct err *err)
{
	if (!(s->caps.bits & CAP_UIDPLUS))
		return lacks(VERB_UID_EXPUNGE, "UIDPLUS", err);
	return submit(s, VERB_UID_EXPUNGE, uids, n, SLICE_LIT(""), taken, err);
}

/* ---- answers ---- */

static bool read_sets(struct pending *p, struct lexer *l)
{
	uint64_t n_from, n_to;

	if (!uid_set_read(l, &p->from, &p->result.n_from, &n_from))
		return false;
	if (lex_char(l, ' ') && uid_set_read(l, &p->to, &p->result.n_to, &n_to) &&
	    l->at == l->end && n_from == n_to)
		return true;
	free(p->from);
	free(p->to);
	p->from = p->to = NULL;
	p->result.n_from = p->result.n_to = 0;
	return false;
}

/* "[COPYUID validity from to]": sets that do not pair tell nothing about which is which. */
static void read_copyuid(struct pending *p, struct slice args)
{
	struct lexer l = lexer_of(args);
	uint32_t validity;

	if (p->from || !lex_number32(&l, &validity) || validity == 0 || !lex_char(&l, ' '))
		return;
	if (read_sets(p, &l))
		p->result.uidvalidity = validity;
}

static bool copies(const struct pending *p)
{
	return p->verb == VERB_UID_COPY || p->verb == VERB_UID_MOVE;
}

void filing_noted(struct session *s, const struct response *r)
{
	for (size_t i = 0; i < s->ring_len; i++) {
		struct pending *p = session_pending(s, i);

		/* Dovecot tells all sets of MOVEs that it has received before it ends the first. */
		if (p->done || !copies(p) || p->from)
			continue;
		read_copyuid(p, r->code_args);
		return;
	}
}

void filing_ended(struct pending *p, const struct response *r)
{
	uint64_t count;
	struct lexer l = lexer_of(r->code_args);

	if (copies(p) && response_has_code(r, "COPYUID"))
		read_copyuid(p, r->code_args);
	else if (p->verb == VERB_UID_STORE && response_has_code(r, "MODIFIED") &&
		 !uid_set_read(&l, &p->from, &p->result.n_from, &count))
		p->result.n_from = 0;
}
