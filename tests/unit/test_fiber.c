/*
 * Fibers: each goes on where it was, whoever resumes it and from how deep a stack.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "base/fiber.h"

struct counter {
	struct fiber *fiber;
	const char *name;
	int left;
	struct buf *log;
};

static void count(void *context)
{
	struct counter *c = context;
	int mine = c->left; /* on its own stack */

	while (mine > 0) {
		buf_addf(c->log, "%s%d ", c->name, mine--);
		fiber_yield(c->fiber);
	}
	buf_addf(c->log, "%s. ", c->name);
}

/* From below some kilobytes that are in use. */
static bool resume_from(struct fiber *f, int depth)
{
	char filler[1024];
	bool more;

	memset(filler, depth, sizeof(filler));
	more = depth > 0 ? resume_from(f, depth - 1) : fiber_resume(f);
	cr_expect_eq(filler[sizeof(filler) - 1], (char)depth);
	return more;
}

Test(fiber, take_turns)
{
	CLEANUP(buf_release) struct buf log = BUF_INIT(1000);
	struct counter a = { .name = "a", .left = 2, .log = &log };
	struct counter b = { .name = "b", .left = 1, .log = &log };

	a.fiber = fiber_new(count, &a);
	b.fiber = fiber_new(count, &b);
	cr_assert(a.fiber && b.fiber);
	cr_expect(fiber_resume(a.fiber));
	cr_expect(resume_from(b.fiber, 8));
	cr_expect(resume_from(a.fiber, 3));
	cr_expect_not(fiber_resume(b.fiber));
	cr_expect_not(resume_from(a.fiber, 20));
	cr_expect_str_eq(buf_cstr(&log), "a2 b1 a1 b. a. ");
	fiber_free(a.fiber);
	fiber_free(b.fiber);
}

/* One that resumes another: each yields to whoever has resumed it. */
struct nest {
	struct fiber *own, *inner;
	struct buf *log;
};

static void outer(void *context)
{
	struct nest *n = context;

	buf_adds(n->log, "( ");
	cr_expect(fiber_resume(n->inner));
	fiber_yield(n->own);
	cr_expect_not(fiber_resume(n->inner));
	buf_adds(n->log, ") ");
}

Test(fiber, within_another)
{
	CLEANUP(buf_release) struct buf log = BUF_INIT(1000);
	struct counter c = { .name = "c", .left = 1, .log = &log };
	struct nest n = { .log = &log };

	c.fiber = n.inner = fiber_new(count, &c);
	n.own = fiber_new(outer, &n);
	cr_assert(n.own && n.inner);
	cr_expect(fiber_resume(n.own));
	cr_expect_not(fiber_resume(n.own));
	cr_expect_str_eq(buf_cstr(&log), "( c1 c. ) ");
	fiber_free(n.inner);
	fiber_free(n.own);
}

Test(fiber, never_begun)
{
	fiber_free(fiber_new(count, NULL));
	fiber_free(NULL);
}

static void use_much(void *context)
{
	volatile char much[600 << 10];

	for (size_t i = 0; i < sizeof(much); i++)
		much[i] = 1;
	*(int *)context = much[sizeof(much) - 1];
}

Test(fiber, has_room)
{
	int got = 0;
	struct fiber *f = fiber_new(use_much, &got);

	cr_assert(f);
	cr_expect_not(fiber_resume(f));
	cr_expect_eq(got, 1);
	fiber_free(f);
}
