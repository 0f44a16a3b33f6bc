/*
 * A fiber: a function with a stack of its own. Where it would have to wait it hands
 * the processor back, and later goes on from there. Nothing ever runs beside
 * anything else: whoever resumes it waits until it yields.
 *
 * For what is a conversation of many steps (opening a session), several of which are
 * to go on at once. What can be said as steps is better said as such.
 */
#ifndef MAILHOIST_BASE_FIBER_H
#define MAILHOIST_BASE_FIBER_H

#include <stdbool.h>

struct fiber;

/* It does not run before the first fiber_resume(). NULL: no memory. */
struct fiber *fiber_new(void (*work)(void *context), void *context);

/* Let it run until it yields: true; or until work() has returned: false, and then no more. */
bool fiber_resume(struct fiber *f);

/* Within its work() only: back to fiber_resume(). */
void fiber_yield(struct fiber *f);

/* One that has ended, or never began: what is on its stack is not released. NULL does nothing. */
void fiber_free(struct fiber *f);

#endif
