/*
 * imap/memory.c: what one session has learnt is another's only if both talk to the
 * same server, and nobody has taught something else in between.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "imap/session_impl.h"

#define SESSIONS 3

/* A play is a list of steps, a session's number and what it does:
 *   c: it reads the CAPABILITY of server A before the login   C: of server B
 *   a: of server A after the login                            b: of server B
 *   n: it notes the account that it has asked about
 *   R: it must be able to recall an account, r: it must not */
static const char *before_words(char c)
{
	return c == 'c' ? "IMAP4rev1 A" : "IMAP4rev1 B";
}

static const char *after_words(char c)
{
	return c == 'a' ? "IMAP4rev1 A UIDPLUS" : "IMAP4rev1 B UIDPLUS";
}

static void say(struct session *s, const char *words)
{
	buf_reset(&s->capability_words);
	buf_adds(&s->capability_words, words);
}

static void step(struct session *s, struct session_memory *m, char c, const char *play)
{
	switch (c) {
	case 'c':
	case 'C':
		say(s, before_words(c));
		s->server_name = c == 'c' ? "A" : "B";
		memory_recognise(s, m);
		break;
	case 'a':
	case 'b':
		say(s, after_words(c));
		memory_note_capabilities(s, m);
		break;
	case 'n':
		memory_note_account(s, m);
		break;
	default: {
		char own = s->server_name[0];

		cr_assert_eq(memory_recall_account(s, m), c == 'R', "%s: '%c'", play, c);
		/* what is recalled is of its own server, never of the other one */
		cr_assert_eq(s->server_name[0], own, "%s", play);
	}
	}
}

Test(imap, memory_of_servers)
{
	static const char *const plays[] = {
		"0c0a0n 1c1a1R", /* learnt, and known again */
		"0c0a 1c1a1r",	 /* the first has not come so far yet */
		"0c0a0n 1C1b1r", /* another server */
		"0c0a0n 1C1b1n 2c2a2r",
		"0c0a0n 1C1b1n 2C2b2R",
		"0c0a0n 1c 2C2b2n 1a1r", /* between its two looks another one has taught */
		"0c0a0n 1c1a 2C2b2n 1r",
		"0c 1C 0a0n 1b1n 2C2b2R", /* the later one teaches, the earlier does not disturb */
		"0c 1C 1b1n 0a0n 2c2a2r",
		"0c 1C 1b 0a0n 2C2b2r 1n 2C2b2R",
		"0c0a0n 1c1b1r",	 /* the same before the login, another one behind it */
		"0c0a0n 1c1b1n 2c2b2R",	 /* and that one teaches */
		"0c0a0n 1c1b 0n 2c2b2r", /* what the first still knows is not true of it */
	};

	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		struct session s[SESSIONS] = { 0 };
		struct session_memory m;

		session_memory_init(&m);
		for (size_t k = 0; k < SESSIONS; k++) {
			buf_init(&s[k].capability_words, 1000);
			s[k].own = (struct arena)ARENA_INIT(10000);
		}
		for (const char *p = plays[i]; *p; p++)
			if (*p != ' ') {
				step(&s[*p - '0'], &m, p[1], plays[i]);
				p++;
			}
		for (size_t k = 0; k < SESSIONS; k++) {
			buf_release(&s[k].capability_words);
			arena_release(&s[k].own);
		}
		session_memory_release(&m);
	}
}
