/*
 * STATUS of a folder that is not open (RFC 3501 6.3.10), its size too (RFC 8438).
 */
#include "imap/session_impl.h"

#include "imap/lexer.h"

const char *status_items(const struct session *s)
{
	return s->caps.bits & CAP_CONDSTORE ? "(UIDVALIDITY UIDNEXT MESSAGES HIGHESTMODSEQ)"
					    : "(UIDVALIDITY UIDNEXT MESSAGES)";
}

bool status_is_of(const struct response *r, struct slice wire_name, bool exactly)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(COMMAND_MAX);
	struct lexer l = lexer_of(r->rest);
	struct token token;
	struct slice behind;

	if (!lex_token(&l, &token))
		return false;
	if (token.kind == TOKEN_QUOTED || token.kind == TOKEN_LITERAL)
		return exactly ? slice_eq(token_text(&token, &text), wire_name)
			       : slice_ieq(token_text(&token, &text), wire_name);
	if (exactly ? !slice_starts(r->rest, wire_name) : !slice_istarts(r->rest, wire_name))
		return false;
	behind = slice_trim(slice_from(r->rest, wire_name.len));
	return behind.len > 0 && behind.ptr[0] == '(';
}

void status_args(const struct session *s, const char *wire_name, struct args *args)
{
	args_folder(args, slice_str(wire_name));
	args_raw(args, status_items(s));
}

int session_status_ahead(struct session *s, const char *wire_name, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	status_args(s, wire_name, &args);
	return ahead_announce(s, VERB_STATUS, &args, err);
}

bool status_read(struct session *s, const struct response *r, const char *wire_name, bool exactly,
		 struct folder_status *out)
{
	return response_is(r, "STATUS") && status_is_of(r, slice_str(wire_name), exactly) &&
	       etpan_status(s->etpan, r, out);
}

int session_status(struct session *s, const char *wire_name, struct folder_status *out,
		   struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct folder_status status;
	struct response r;
	bool told = false;
	int got;

	status_args(s, wire_name, &args);
	if (command_start(s, VERB_STATUS, &args, err) < 0)
		return -1;
	while ((got = command_next(s, &r, err)) > 0)
		told = status_read(s, &r, wire_name, false, &status) || told;
	if (got < 0)
		return -1;
	if (r.status != STATUS_OK)
		return refused_target(s, VERB_STATUS, &r, err);
	if (!told || status.uidvalidity == 0)
		return err_set(err, ERR_PROTOCOL, SCOPE_FOLDER, RETRY_NEVER,
			       "the server does not tell the folder's status");
	*out = status;
	return 0;
}

int session_folder_size(struct session *s, const char *wire_name, uint32_t *messages,
			uint64_t *octets, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct folder_status status;
	struct response r;
	bool told = false;
	int got;

	args_folder(&args, slice_str(wire_name));
	args_raw(&args, s->caps.bits & CAP_STATUS_SIZE ? "(MESSAGES SIZE)" : "(MESSAGES)");
	if (command_start(s, VERB_STATUS, &args, err) < 0)
		return -1;
	while ((got = command_next(s, &r, err)) > 0) {
		if (response_is(&r, "STATUS") && status_is_of(&r, slice_str(wire_name), false))
			told = tolerant_status(&r, &status) || told;
	}
	if (got < 0)
		return -1;
	if (r.status != STATUS_OK || !told)
		return refused(s, VERB_STATUS, &r, SCOPE_FOLDER, err);
	*messages = status.messages;
	*octets = status.octets;
	return 0;
}
