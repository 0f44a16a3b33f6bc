/*
 * Fibers by makecontext(3). The stack lies behind a page that nobody may touch, and its
 * pages cost nothing until they are used. AddressSanitizer has to be told of each
 * change of stacks.
 */
#include "base/fiber.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_SIZE (1u << 20)  /* a resolver and a TLS handshake take a tenth of it */
#define GUARD_SIZE (64u << 10) /* a multiple of the page of any machine */

struct fiber {
	ucontext_t own, caller;
	void (*work)(void *context);
	void *context;
	char *stack; /* with its guard */
	bool ended;
	/* Of the stack that we came from, for AddressSanitizer. */
	const void *caller_stack;
	size_t caller_size;
	void *caller_fake, *own_fake;
};

/* ---- AddressSanitizer ---- */

static void leaving(void **fake, const void *to, size_t size)
{
#ifdef WITH_ASAN
	__sanitizer_start_switch_fiber(fake, to, size);
#else
	(void)fake;
	(void)to;
	(void)size;
#endif
}

static void arrived(void *fake, const void **from, size_t *size)
{
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(fake, from, size);
#else
	(void)fake;
	(void)from;
	(void)size;
#endif
}

/* ---- there and back ---- */

/* swapcontext(3), but for the warning that AddressSanitizer writes when it sees that called. */
static void change(ucontext_t *from, const ucontext_t *to)
{
	volatile bool back = false;

	getcontext(from);
	if (back)
		return;
	back = true;
	setcontext(to);
}

/* makecontext(3) hands on ints alone. */
static void enter(unsigned high, unsigned low)
{
	struct fiber *f = (struct fiber *)(((uintptr_t)high << 16 << 16) | low);

	arrived(NULL, &f->caller_stack, &f->caller_size);
	f->work(f->context);
	f->ended = true;
	leaving(NULL, f->caller_stack, f->caller_size);
	setcontext(&f->caller);
	abort(); /* it has nowhere to return to */
}

bool fiber_resume(struct fiber *f)
{
	assert(!f->ended);
	leaving(&f->caller_fake, f->stack + GUARD_SIZE, STACK_SIZE);
	change(&f->caller, &f->own);
	arrived(f->caller_fake, NULL, NULL);
	return !f->ended;
}

void fiber_yield(struct fiber *f)
{
	leaving(&f->own_fake, f->caller_stack, f->caller_size);
	change(&f->own, &f->caller);
	arrived(f->own_fake, &f->caller_stack, &f->caller_size);
}

/* ---- making it ---- */

static char *new_stack(void)
{
	const size_t size = GUARD_SIZE + STACK_SIZE;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

	if (stack == MAP_FAILED)
		return NULL;
	if (mprotect(stack, GUARD_SIZE, PROT_NONE) == 0)
		return stack;
	munmap(stack, size);
	return NULL;
}

static int prepare(struct fiber *f)
{
	const uintptr_t address = (uintptr_t)f;

	if (getcontext(&f->own) < 0)
		return -1;
	f->own.uc_stack = (stack_t){ .ss_sp = f->stack + GUARD_SIZE, .ss_size = STACK_SIZE };
	makecontext(&f->own, (void (*)(void))enter, 2, (unsigned)(address >> 16 >> 16),
		    (unsigned)address);
	return 0;
}

struct fiber *fiber_new(void (*work)(void *context), void *context)
{
	struct fiber *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->work = work;
	f->context = context;
	f->stack = new_stack();
	if (f->stack && prepare(f) == 0)
		return f;
	fiber_free(f);
	return NULL;
}

void fiber_free(struct fiber *f)
{
	if (!f)
		return;
	if (f->stack)
		munmap(f->stack, GUARD_SIZE + STACK_SIZE);
	free(f);
}
