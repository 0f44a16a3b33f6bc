/*
 * pop3/pop3.h against a scripted server: octet for octet what we say, in every way in
 * that there is; each script also octet by octet, and cut off behind every line.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "imap_play.h"
#include "pop3/pop3.h"

#define PASSWORD "sec\"ret"

/* PLAIN "\0joe\0sec\"ret" */
#define PLAIN	"AGpvZQBzZWMicmV0"
#define HELLO	"S: +OK ready\nC: CAPA\nS: +OK\nS: UIDL\nS: TOP\n"
#define HELLO_U HELLO "S: USER\nS: .\n"
#define HELLO_P HELLO "S: SASL PLAIN\nS: .\n"
#define IN	HELLO_P "C: AUTH PLAIN " PLAIN "\nS: +OK\n"
#define BYE	"C: QUIT\nS: +OK\n"

/* What is done, and what must come of it: "uidls" and so on, and the rows. */
static const struct script {
	const char *name, *play;
	const char *acts; /* letters: u UIDL, l LIST, h the header of message 2 */
	const char *want; /* what came of it, or the end of the error text behind '!' */
	bool starttls, no_plaintext;
} scripts[] = {
	{ "SASL PLAIN", IN BYE, "", "", false, false },
	{ "USER and PASS", HELLO_U "C: USER joe\nS: +OK\nC: PASS sec\"ret\nS: +OK\n" BYE, "", "",
	  false, false },
	{ "no CAPA",
	  "S: +OK\nC: CAPA\nS: -ERR what\nC: USER joe\nS: +OK\nC: PASS sec\"ret\n"
	  "S: +OK\n" BYE,
	  "", "", false, false },
	{ "listings",
	  IN "C: UIDL\nS: +OK\nS: 1 a\nS: 2 000000026b02ab04\nS: .\n"
	     "C: LIST\nS: +OK 2 messages\nS: 1 100\nS: 2 200 x\nS: .\n"
	     "C: TOP 2 0\nS: +OK\nS: Subject: x\nS: ..dot\nS> \\r\\n\nS: .\n" BYE,
	  "ulh", "1 a 0|2 000000026b02ab04 0|.1  100|2  200|.Subject: x\n.dot\n\n|", false, false },
	{ "empty", IN "C: UIDL\nS: +OK\nS: .\nC: LIST\nS: +OK\nS: .\n" BYE, "ul", "..", false,
	  false },
	{ "TOP refused", IN "C: TOP 2 0\nS: -ERR no such message\n" BYE, "h", "-|", false, false },
	{ "UIDL refused", IN "C: UIDL\nS: -ERR unknown\n" BYE, "u", "!refused UIDL: unknown", false,
	  false },
	{ "a listing that cannot be read", IN "C: UIDL\nS: +OK\nS: one a\n", "u",
	  "!list of messages cannot be read", false, false },
	{ "wrong password", HELLO_P "C: AUTH PLAIN " PLAIN "\nS: -ERR [AUTH] wrong\n" BYE, "",
	  "!refused the login: wrong", false, false },
	{ "wrong password, repeated",
	  HELLO_U "C: USER joe\nS: +OK\nC: PASS sec\"ret\nS: -ERR wrong: sec\"ret\n" BYE, "",
	  "!(no words that can be shown)", false, false },
	{ "in use", HELLO_P "C: AUTH PLAIN " PLAIN "\nS: -ERR [IN-USE] locked\n" BYE, "",
	  "!close it, or wait a few minutes: locked", false, false },
	{ "too soon", HELLO_P "C: AUTH PLAIN " PLAIN "\nS: -ERR [LOGIN-DELAY] later\n" BYE, "",
	  "!wants us to wait: later", false, false },
	{ "a challenge to PLAIN, which has said all",
	  HELLO_P "C: AUTH PLAIN " PLAIN "\nS: + dGVzdA==\nC: *\nS: -ERR\n" BYE, "", "!", false,
	  false },
	{ "not base64", HELLO_P "C: AUTH PLAIN " PLAIN "\nS: + ?\nC: *\nS: -ERR\n" BYE, "",
	  "!challenge is not base64", false, false },
	{ "IMAP", "S: * OK [CAPABILITY IMAP4rev1] hi\n", "", "!as POP3 servers do", false, false },
	{ "busy", "S: -ERR [SYS/TEMP] try later\nC: QUIT\nS: +OK\n", "", "!wait: try later", false,
	  false },
	{ "no STLS", HELLO_P BYE, "", "!offers no STLS; not logged in", true, true },
	{ "STLS refused", "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: -ERR no\n" BYE, "",
	  "!refused STLS; not logged in", true, true },
	{ "STLS, and words behind it",
	  "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS> +OK\\r\\n+OK injected\\r\\n\n" BYE,
	  "", "!(injection); not logged in", true, true },
};

static int get_secret(void *context, char *secret, size_t size, struct err *err)
{
	(void)context;
	(void)size;
	(void)err;
	memcpy(secret, PASSWORD, strlen(PASSWORD));
	return (int)strlen(PASSWORD);
}

static int rows(struct pop3 *p, struct buf *out, struct err *err)
{
	struct pop3_row row;
	int got;

	while ((got = pop3_row_next(p, &row, err)) > 0)
		buf_addf(out, "%u %.*s %llu|", row.number, (int)row.uidl.len, row.uidl.ptr,
			 (unsigned long long)row.size);
	buf_adds(out, ".");
	return got;
}

static int act(struct pop3 *p, char what, struct buf *out, struct err *err)
{
	CLEANUP(buf_release) struct buf header = BUF_INIT(1000);
	int got;

	if (what == 'u')
		return pop3_uidls_start(p, err) < 0 ? -1 : rows(p, out, err);
	if (what == 'l')
		return pop3_sizes_start(p, err) < 0 ? -1 : rows(p, out, err);
	got = pop3_header(p, 2, &header, err);
	if (got > 0)
		buf_add_slice(out, buf_slice(&header));
	else if (got == 0)
		buf_adds(out, "-");
	buf_adds(out, "|");
	return got;
}

/* Play a script: what came of it goes into `out`, the server's complaints into `complaint`. */
static int perform(const struct script *s, const struct play_options *how, struct buf *out,
		   struct buf *complaint, struct err *err)
{
	struct play play = { 0 };
	struct player player;
	struct session_options o = { .host = "127.0.0.1",
				     .security = s->starttls ? SECURITY_STARTTLS : SECURITY_PLAIN,
				     .allow_plaintext = !s->no_plaintext,
				     .user = "joe",
				     .secret = { .get = get_secret },
				     .timeout_ms = 5000,
				     .trace_fd = -1 };
	struct pop3 *p;
	int result;

	play_parse(&play, s->play);
	player_start(&player, &play, how);
	o.port = player.port;
	result = pop3_open(&o, &p, err);
	if (result == 0) {
		for (const char *a = s->acts; *a && result >= 0; a++)
			result = act(p, *a, out, err);
		pop3_close(p);
	}
	player_end(&player, complaint);
	play_release(&play);
	return result < 0 ? -1 : 0;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static void play_whole(const struct script *s, bool byte_by_byte)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(1 << 20);
	CLEANUP(buf_release) struct buf complaint = BUF_INIT(1 << 20);
	struct play_options how = { .byte_by_byte = byte_by_byte, .cut_after = -1 };
	struct err err = ERR_INIT;
	int result = perform(s, &how, &out, &complaint, &err);
	const char *said = buf_cstr(&complaint), *came = buf_cstr(&out);

	cr_expect_str_eq(said ? said : "", "", "%s: %s", s->name, said);
	if (s->want[0] == '!') {
		cr_expect(result < 0, "%s: must fail", s->name);
		cr_expect(ends_in(err.text, s->want + 1), "%s: %s", s->name, err.text);
		cr_expect(strstr(err.text, PASSWORD) == NULL, "%s: %s", s->name, err.text);
	} else {
		cr_expect(result == 0, "%s: %s", s->name, err.text);
		cr_expect_str_eq(came ? came : "", s->want, "%s: %s", s->name, came);
	}
}

Test(pop3, scripts)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		play_whole(&scripts[i], false);
		/* what is injected must come in one piece to be met */
		if (!strstr(scripts[i].play, "injected"))
			play_whole(&scripts[i], true);
	}
}

/* A line that is lost is an error, and nothing hangs. */
Test(pop3, cut_off)
{
	const struct script *s = &scripts[3];
	int lines = 0;

	for (const char *p = s->play; (p = strstr(p, "S:")) != NULL; p++)
		lines++;
	for (int cut = 0; cut < lines - 1; cut++) { /* the last is the answer to QUIT */
		CLEANUP(buf_release) struct buf out = BUF_INIT(1 << 20);
		CLEANUP(buf_release) struct buf complaint = BUF_INIT(1 << 20);
		struct play_options how = { .cut_after = cut };
		struct err err = ERR_INIT;

		cr_expect(perform(s, &how, &out, &complaint, &err) < 0, "cut after %d", cut);
		cr_expect(err.code == ERR_EOF || err.code == ERR_CONNECT, "cut after %d: %s", cut,
			  err.text);
	}
}
