/*
 * Asking ahead: a long line is paid for once instead of for every question. What is
 * going to be asked is said early (session_..._ahead()); when the very same question
 * is asked later, its command is not sent again, its answer is on its way or here.
 *
 * It is only a guess, and one that was wrong costs octets, never correctness: the
 * answers of what was announced and is not asked after all are read and forgotten.
 * Servers answer in the order of the commands (RFC 3501 5.5), so what is read belongs
 * to the oldest one. When an announced EXAMINE has been forgotten, another folder is
 * open than the one that the caller is about to look into: then the next question
 * about messages is refused as something to be tried again.
 */
#include "imap/session_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define AHEAD_OCTETS_MAX (32u << 10) /* said, but not yet answered: what servers surely take in */

static struct announced *at(struct session *s, size_t i)
{
	return &s->ahead.ring[(s->ahead.head + i) % AHEAD_MAX];
}

/* Providers bear so many commands in flight; 0: none is to be said ahead. */
static size_t most(const struct session *s)
{
	size_t n = AHEAD_MAX;

	if (s->profile.commands > 0 && s->profile.commands < n)
		n = s->profile.commands;
	if (s->profile.noop_every > 0 && s->profile.noop_every < n)
		n = s->profile.noop_every;
	return n > 1 ? n : 0;
}

size_t session_ahead_room(const struct session *s)
{
	if (s->dead || s->ahead.octets >= AHEAD_OCTETS_MAX || s->ahead.n >= most(s))
		return 0;
	return most(s) - s->ahead.n;
}

int ahead_announce(struct session *s, enum verb verb, struct args *args, struct err *err)
{
	struct announced *a;

	args_end(args);
	if (session_check(s, err) < 0 || buf_ok(&args->text, "a command", err) < 0)
		return -1;
	if (args->bad || args->n_literals > 0 || s->command.wants_continue ||
	    session_ahead_room(s) == 0 || s->append.open || s->n_undone > 0)
		return 0;
	a = at(s, s->ahead.n);
	a->verb = verb;
	a->asked_ms = time_monotonic_ms();
	a->text = malloc(args->text.len);
	a->len = args->text.len;
	if (!a->text)
		return err_nomem(err);
	memcpy(a->text, args->text.ptr, a->len);
	session_turn(s);
	if (writer_command(&s->writer, verb, buf_slice(&args->text), &a->number, err) < 0) {
		free(a->text);
		return -1;
	}
	trace_command(s, verb, a->number, buf_slice(&args->text));
	s->open |= opens_folder(verb);
	s->ahead.n++;
	s->ahead.octets += a->len;
	return 1;
}

/* The oldest becomes the command at work. */
static void take(struct session *s)
{
	struct announced *a = at(s, 0);

	s->command = (struct command){
		.active = true, .verb = a->verb, .number = a->number, .last = a->number, .left = 1
	};
	s->asked_ms = a->asked_ms;
	s->ahead.octets -= a->len;
	free(a->text);
	s->ahead.head = (s->ahead.head + 1) % AHEAD_MAX;
	s->ahead.n--;
}

/* Read and forget the answers of the oldest `n`. */
static int forget(struct session *s, size_t n, struct err *err)
{
	for (; n > 0; n--) {
		s->ahead.astray |= at(s, 0)->verb == VERB_EXAMINE;
		take(s);
		if (command_finish(s, err) < 0)
			return -1;
	}
	return 0;
}

/* The place of this very command; n when it was not announced. A question about messages is one
 * about the folder that is open: none behind another EXAMINE is meant. */
static size_t find(struct session *s, enum verb verb, struct slice text)
{
	for (size_t i = 0; i < s->ahead.n; i++) {
		const struct announced *a = at(s, i);

		if (a->verb == verb && slice_eq(slice_of(a->text, a->len), text))
			return i;
		if (verb == VERB_UID_FETCH && a->verb == VERB_EXAMINE)
			break;
	}
	return s->ahead.n;
}

bool opens_folder(enum verb verb)
{
	return verb == VERB_EXAMINE || verb == VERB_SELECT;
}

static bool needs_folder(enum verb verb)
{
	return verb == VERB_UID_FETCH || verb == VERB_UID_COPY || verb == VERB_UID_MOVE ||
	       verb == VERB_UID_STORE || verb == VERB_UID_EXPUNGE;
}

int ahead_check(const struct session *s, enum verb verb, struct err *err)
{
	if (!s->ahead.astray || !needs_folder(verb))
		return 0;
	return err_set(err, ERR_REFUSED, SCOPE_FOLDER, RETRY_NOW,
		       "another folder has been opened meanwhile");
}

int ahead_adopt(struct session *s, enum verb verb, struct slice text, struct err *err)
{
	size_t i = find(s, verb, text);
	bool found = i < s->ahead.n;

	if (ahead_check(s, verb, err) < 0 || forget(s, i, err) < 0)
		return -1;
	if (found)
		take(s);
	if (opens_folder(verb) || verb == VERB_UNSELECT)
		s->ahead.astray = false;
	if (found)
		return 1;
	return ahead_check(s, verb, err);
}

int ahead_drop(struct session *s, struct err *err)
{
	return forget(s, s->ahead.n, err);
}

void ahead_release(struct session *s)
{
	for (size_t i = 0; i < s->ahead.n; i++)
		free(at(s, i)->text);
	s->ahead.n = 0;
}
