/*
 * How full the account is: GETQUOTAROOT (RFC 9208, 2087). Its units are 1,024
 * octets; a folder may lie under several roots, of which the tightest counts.
 */
#include "imap/session_impl.h"

#include "imap/lexer.h"

#define QUOTA_UNIT 1024

/* `(STORAGE 10 512 MESSAGE 20 1000)` */
static void read_resources(struct lexer *l, struct quota *out)
{
	struct slice name;
	uint64_t used, limit;

	if (!lex_char(l, '('))
		return;
	for (lex_blanks(l); lex_atom(l, &name); lex_blanks(l)) {
		lex_blanks(l);
		if (!lex_number(l, &used))
			return;
		lex_blanks(l);
		if (!lex_number(l, &limit))
			return;
		if (slice_ieq(name, SLICE_LIT("STORAGE")) && limit <= UINT64_MAX / QUOTA_UNIT &&
		    used <= UINT64_MAX / QUOTA_UNIT) {
			used *= QUOTA_UNIT;
			limit *= QUOTA_UNIT;
			if (!out->has_octets || limit < out->octets_limit) {
				out->octets_used = used;
				out->octets_limit = limit;
			}
			out->has_octets = true;
		} else if (slice_ieq(name, SLICE_LIT("MESSAGE"))) {
			if (!out->has_messages || limit < out->messages_limit) {
				out->messages_used = used;
				out->messages_limit = limit;
			}
			out->has_messages = true;
		}
	}
}

/* "* QUOTA root (...)"; the root may be "" or written without any quotes. */
static void read_quota(const struct response *r, struct quota *out)
{
	struct lexer l = lexer_of(r->rest);
	struct token root;

	lex_blanks(&l);
	if (l.at < l.end && *l.at != '(' && !lex_token(&l, &root))
		return;
	lex_blanks(&l);
	read_resources(&l, out);
}

int session_quota(struct session *s, const char *wire_name, struct quota *out, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	*out = (struct quota){ 0 };
	if (!(s->caps.bits & CAP_QUOTA))
		return 0;
	args_folder(&args, slice_str(wire_name));
	if (command_start(s, VERB_GETQUOTAROOT, &args, err) < 0)
		return -1;
	while ((got = command_next(s, &r, err)) > 0)
		if (response_is(&r, "QUOTA") && !r.cut)
			read_quota(&r, out);
	return got < 0 ? -1 : 0;
}
