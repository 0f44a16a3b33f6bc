/*
 * Opening a session beside other work. From the first SYN to the last answer that is
 * needed before the first command it takes six round trips and more, each of which
 * somebody would wait for: so session_open() runs on a stack of its own (fiber.h),
 * and where it would wait, the loop that moves the bytes of the other sessions moves
 * its bytes, too (pump.c).
 */
#include "imap/session_impl.h"

#include <stdlib.h>

#include "base/fiber.h"

struct opening {
	struct fiber *fiber;
	struct session_options options;
	struct session *session; /* while it is being opened */
	bool abandoned;
	int result;
	struct err err;
};

static void open_it(void *context)
{
	struct opening *o = context;

	o->result = session_open_beside(&o->options, o, &o->session, &o->err);
}

void opening_of(struct opening *o, struct session *s)
{
	o->session = s;
}

int opening_wait(struct opening *o, struct err *err)
{
	if (!o->abandoned)
		fiber_yield(o->fiber);
	if (!o->abandoned)
		return 0;
	return err_set(err, ERR_INTERRUPTED, SCOPE_ACCOUNT, RETRY_LATER,
		       "the connection is no longer wanted");
}

int session_open_begin(const struct session_options *options, struct opening **out, struct err *err)
{
	struct opening *o = calloc(1, sizeof(*o));

	if (!o)
		return err_nomem(err);
	o->options = *options;
	o->fiber = fiber_new(open_it, o);
	if (!o->fiber) {
		free(o);
		return err_nomem(err);
	}
	*out = o;
	return 0;
}

static void free_opening(struct opening *o)
{
	fiber_free(o->fiber);
	free(o);
}

/* It has come to its end. */
static int finish(struct opening *o, struct session **out, struct err *err)
{
	int result = o->result;

	if (result == 0)
		*out = o->session;
	else
		*err = o->err;
	free_opening(o);
	return result;
}

int session_open_go_on(struct opening *o, struct session **out, struct err *err)
{
	return fiber_resume(o->fiber) ? 1 : finish(o, out, err);
}

struct session *session_half_open(const struct opening *o)
{
	return o->session;
}

void session_open_abandon(struct opening *o)
{
	struct session *session = NULL;
	struct err err;

	if (!o)
		return;
	if (!o->session) { /* nothing has happened yet */
		free_opening(o);
		return;
	}
	o->abandoned = true; /* no wait from here on */
	while (fiber_resume(o->fiber))
		;
	if (finish(o, &session, &err) < 0)
		return;
	session_accompany(session, NULL); /* who is asked for company believes it half open */
	session_close(session);
}
