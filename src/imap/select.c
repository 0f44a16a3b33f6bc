/*
 * Opening a folder: EXAMINE and SELECT (RFC 3501 6.3.1), and closing it again
 * without expunging anything.
 */
#include "imap/session_impl.h"

#include <string.h>

#include "imap/lexer.h"

/* "(\Seen \* $Forwarded)" */
static void read_permanent_flags(struct session *s, struct slice list, struct selected *out)
{
	struct flag_set set = { 0 };
	struct lexer l = lexer_of(list);
	bool keywords = false;
	struct slice word;

	if (!lex_char(&l, '('))
		return;
	for (lex_blanks(&l); !lex_char(&l, ')'); lex_blanks(&l)) {
		if (!lex_atom(&l, &word))
			return; /* not a list: the server did not say */
		if (slice_eq(word, SLICE_LIT("\\*")))
			keywords = true;
		else if (word.ptr[0] == '\\')
			set.system |= flag_from_name(word);
		else
			(void)flag_set_add_keyword(&set, &s->selected_arena, word);
	}
	out->keywords_allowed = keywords;
	out->permanent_flags = set.system;
	out->n_keywords = set.n_keywords;
	out->keywords = arena_alloc(&s->selected_arena, sizeof(set.keywords));
	if (out->keywords)
		memcpy(out->keywords, set.keywords, sizeof(set.keywords));
	else
		out->n_keywords = 0;
}

static void read_selected(struct session *s, const struct response *r, struct selected *out)
{
	uint64_t number;

	if (r->kind != RESPONSE_STATUS)
		return;
	if (response_has_code(r, "PERMANENTFLAGS")) {
		read_permanent_flags(s, r->code_args, out);
	} else if (slice_u64(r->code_args, &number) && response_has_code(r, "HIGHESTMODSEQ")) {
		out->highestmodseq = number;
	} else if (slice_u64(r->code_args, &number) && number <= UINT32_MAX) {
		if (response_has_code(r, "UIDVALIDITY"))
			out->uidvalidity = (uint32_t)number;
		else if (response_has_code(r, "UIDNEXT"))
			out->uidnext = (uint32_t)number;
	}
}

static int select_folder(struct session *s, enum verb verb, const char *wire_name,
			 struct selected *out, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	args_folder(&args, slice_str(wire_name));
	if (command_start(s, verb, &args, err) < 0)
		return -1;
	arena_reset(&s->selected_arena);
	s->exists = 0;
	s->writable = false;
	s->selected = (struct selected){ .keywords_allowed = true, .permanent_flags = FLAG_ALL };
	while ((got = command_next(s, &r, err)) > 0)
		read_selected(s, &r, &s->selected);
	if (got < 0)
		return -1;
	if (r.status != STATUS_OK) {
		s->exists = 0;
		return refused(s, verb, &r, SCOPE_FOLDER, err);
	}
	s->selected.messages = s->exists;
	s->selected.read_only = response_has_code(&r, "READ-ONLY");
	s->writable = verb == VERB_SELECT;
	*out = s->selected;
	return 0;
}

int session_examine_ahead(struct session *s, const char *wire_name, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	args_folder(&args, slice_str(wire_name));
	return ahead_announce(s, VERB_EXAMINE, &args, err);
}

int session_examine(struct session *s, const char *wire_name, struct selected *out, struct err *err)
{
	return select_folder(s, VERB_EXAMINE, wire_name, out, err);
}

int session_select(struct session *s, const char *wire_name, struct selected *out, struct err *err)
{
	return select_folder(s, VERB_SELECT, wire_name, out, err);
}

bool session_is_selected(const struct session *s)
{
	return s->writable;
}

#define NO_SUCH_FOLDER "mailhoist-no-such-folder"

int session_unselect(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	enum verb verb = VERB_UNSELECT;
	struct response r;

	if (!s->open)
		return session_check(s, err);
	s->exists = 0;
	if (!(s->caps.bits & CAP_UNSELECT)) {
		/* A failed EXAMINE leaves no folder open (RFC 3501 6.3.1), and unlike CLOSE can
		 * expunge nothing. Courier refuses APPEND to a folder that is open read-only. */
		args_folder(&args, SLICE_LIT(NO_SUCH_FOLDER));
		verb = VERB_EXAMINE;
	}
	if (command_run(s, verb, &args, &r, err) < 0)
		return -1;
	s->open = s->writable = false;
	return 0;
}
