/*
 * Several commands in one write, where none needs the answer of another: CREATE, LIST
 * and STATUS of many folders cost one round trip instead of one each.
 * Servers answer in order, but need not (RFC 3501 5.5): an answer is known by its tag,
 * untagged data by the name in it.
 */
#include "imap/session_impl.h"

#define GROUP_MAX 96 /* commands in one write: three for each folder of a page (ready.h) */

/* What one group of commands has told so far. */
struct group {
	const struct several *several;
	size_t from, n;
	uint64_t first; /* number of the first command */
	bool ended[GROUP_MAX];
};

/* Providers bear so many commands in flight. */
static size_t group_most(const struct session *s)
{
	unsigned most = s->profile.commands;

	if (s->profile.noop_every > 0 && (most == 0 || s->profile.noop_every < most))
		most = s->profile.noop_every;
	return most > 0 && most < GROUP_MAX ? most : GROUP_MAX;
}

static bool has_room(const struct session *s, const struct args *args)
{
	return s->writer.len + args->text.len + COMMAND_MAX <= OUTPUT_WINDOW;
}

/* Stage the commands from `g->from` on, as many as go: up to one whose name has to be sent as a
 * literal, which is a conversation of its own. */
static int stage_group(struct session *s, struct group *g, struct err *err)
{
	const struct several *v = g->several;
	size_t most = group_most(s);
	uint64_t number;

	for (g->n = 0; g->n < most && g->from + g->n < v->n; g->n++) {
		CLEANUP(args_release) struct args args = ARGS_INIT;
		enum verb verb = v->say(v->context, g->from + g->n, &args);

		args_end(&args);
		if (args.bad || args.n_literals > 0 || args.text.failed || !has_room(s, &args))
			break;
		session_turn(s);
		if (writer_command(&s->writer, verb, buf_slice(&args.text), &number, err) < 0)
			return -1;
		if (g->n == 0)
			g->first = number;
		trace_command(s, verb, number, buf_slice(&args.text));
	}
	if (g->n > 0)
		s->command = (struct command){
			.active = true, .number = g->first, .last = number, .left = g->n
		};
	return 0;
}

static int take_end(struct session *s, struct group *g, const struct response *r, struct err *err)
{
	size_t i = (size_t)(writer_number(&s->writer, r->tag) - g->first);

	if (g->ended[i])
		return session_fail_protocol(s, err, "answered a command twice");
	g->ended[i] = true;
	if (g->several->ended)
		g->several->ended(g->several->context, g->from + i, r);
	return 0;
}

static int read_group(struct session *s, struct group *g, struct err *err)
{
	struct response r;
	struct frame frame;

	while (s->command.active) {
		if (session_frame(s, &frame, &r, err) < 0)
			return -1;
		if (frame.kind != FRAME_RESPONSE || frame.tail)
			continue;
		if (r.kind == RESPONSE_TAGGED) {
			command_answered(s);
			if (take_end(s, g, &r, err) < 0)
				return -1;
		} else if (g->several->told) {
			g->several->told(g->several->context, g->from, g->n, &r);
		}
	}
	return 0;
}

/* One that cannot go with others. */
static int say_alone(struct session *s, const struct several *v, size_t i, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	enum verb verb = v->say(v->context, i, &args);
	struct response r;
	int got;

	if (command_start(s, verb, &args, err) < 0)
		return err->code == ERR_REFUSED || err->code == ERR_LIMIT ? 0 : -1;
	while ((got = command_next(s, &r, err)) > 0)
		if (v->told)
			v->told(v->context, i, 1, &r);
	if (got == 0 && v->ended)
		v->ended(v->context, i, &r);
	return got;
}

int commands_run(struct session *s, const struct several *v, struct err *err)
{
	struct group g = { .several = v };

	if (session_check(s, err) < 0 || command_finish(s, err) < 0 || ahead_drop(s, err) < 0)
		return -1;
	if (s->append.open)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "questions in the middle of an APPEND");
	while (g.from < v->n) {
		g = (struct group){ .several = v, .from = g.from };
		if (stage_group(s, &g, err) < 0 || read_group(s, &g, err) < 0)
			return -1;
		if (g.n == 0) {
			if (say_alone(s, v, g.from, err) < 0)
				return -1;
			g.n = 1;
		}
		g.from += g.n;
		if (s->profile.noop_every > 0 && g.from < v->n) {
			CLEANUP(args_release) struct args none = ARGS_INIT;
			struct response r;

			if (command_run(s, VERB_NOOP, &none, &r, err) < 0)
				return -1;
		}
	}
	return 0;
}
