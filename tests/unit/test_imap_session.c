/*
 * The session against servers that do what a transcript cannot say: they answer
 * without reading, drip, put words behind STARTTLS, watch what a password does.
 */
#include <poll.h>
#include <criterion/criterion.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"
#include "imap/session.h"
#include "imap_play.h"

#define SECRET "s3cret-Hunter2"

static int tell_secret(void *context, char *secret, size_t size, struct err *err)
{
	(void)context;
	(void)err;
	return snprintf(secret, size, SECRET);
}

static struct session_options options_for(const struct player *player)
{
	return (struct session_options){
		.host = "127.0.0.1",
		.port = player->port,
		.security = SECURITY_PLAIN,
		.user = "alice",
		.secret = { .get = tell_secret },
		.timeout_ms = 2000,
		.trace_fd = -1,
	};
}

static void end_player(struct player *player)
{
	CLEANUP(buf_release) struct buf complaint = BUF_INIT(1 << 16);

	player_end(player, &complaint);
	cr_expect(complaint.len == 0, "%s", buf_cstr(&complaint));
}

/* ---- for serve functions: in the server's process ---- */

static void greet(int fd, const char *capabilities)
{
	char line[512], tag[64];

	play_send(fd, "* PREAUTH [CAPABILITY IMAP4rev1 ");
	play_send(fd, capabilities);
	play_send(fd, "] hi\r\n");
	if (!play_read_line(fd, line, sizeof(line)))
		_exit(0);
	snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
	play_send(fd, "* LIST () \"/\" \"\"\r\n");
	play_send(fd, tag);
	play_send(fd, " OK\r\n");
}

/* Read one APPEND with its octets (LITERAL+), return its tag; false at the end or at LOGOUT. */
static bool read_append(int fd, char tag[64])
{
	char line[1024], *count;

	if (!play_read_line(fd, line, sizeof(line)))
		return false;
	snprintf(tag, 64, "%.*s", (int)strcspn(line, " "), line);
	while ((count = strrchr(line, '{')) != NULL) {
		play_read_octets(fd, strtoull(count + 1, NULL, 10));
		if (!play_read_line(fd, line, sizeof(line)))
			return false;
	}
	return strstr(line, "LOGOUT") == NULL;
}

/* ---- the deadlock of those who only write ---- */

#define N_APPENDS 2000

/* Answers at length, with blocking writes and small buffers: stops reading while nobody reads it.
 */
static void serve_talkative(int fd, void *context)
{
	char chatter[2048], tag[64];

	(void)context;
	memset(chatter, 'x', sizeof(chatter));
	memcpy(chatter, "* OK ", 5);
	memcpy(chatter + sizeof(chatter) - 3, "\r\n", 3);
	greet(fd, "LITERAL+");
	while (read_append(fd, tag)) {
		play_send(fd, chatter);
		play_send(fd, tag);
		play_send(fd, " OK done\r\n");
	}
}

/* One round of a session that has to stay alive. */
static void turn(struct session *s)
{
	struct append_result result;
	struct err err;

	cr_assert(session_poll(&s, 1, 100, &err) == 0, "%s", err.text);
	if (session_is_dead(s))
		while (session_reap(s, &result, &err) > 0)
			;
	cr_assert(!session_is_dead(s), "%s", err.text);
}

/* Queue one APPEND of `size` octets, polling for room. */
static void append(struct session *s, size_t size)
{
	static char octets[1 << 16];
	struct append_spec spec = { .internaldate = 1000000000, .size = size };
	struct err err;
	size_t n;

	while (session_room(s) < 1000)
		turn(s);
	cr_assert(session_append_begin(s, "x", &err) > 0, "%s", err.text);
	cr_assert(session_append_message(s, &spec, &err) == 0, "%s", err.text);
	while (size > 0) {
		n = session_room(s) < size ? session_room(s) : size;
		n = n < sizeof(octets) ? n : sizeof(octets);
		cr_assert(session_append_bytes(s, octets, n, &err) == 0, "%s", err.text);
		size -= n;
		if (size > 0)
			turn(s);
	}
	cr_assert(session_append_end(s, &err) == 0, "%s", err.text);
}

static int reap(struct session *s)
{
	struct append_result result;
	struct err err;
	int n = 0, got;

	while ((got = session_reap(s, &result, &err)) > 0)
		n += result.ok;
	cr_assert(got == 0, "%s", err.text);
	return n;
}

Test(imap_session, reads_while_it_writes, .timeout = 60)
{
	struct play_options small = { .cut_after = -1,
				      .receive_buffer = 16384,
				      .send_buffer = 16384 };
	struct player player;
	struct session_options o;
	struct session *s;
	struct err err;
	int done = 0;

	player_start_with(&player, serve_talkative, NULL, &small);
	o = options_for(&player);
	cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
	for (int i = 0; i < N_APPENDS; i++) {
		append(s, i % 100 == 0 ? 300000 : 1200);
		if (i % 500 == 0)
			done += reap(s);
	}
	while (done < N_APPENDS) {
		turn(s);
		done += reap(s);
	}
	session_close(s);
	end_player(&player);
}

/* ---- a caller that takes its time ---- */

Test(imap_session, the_caller_may_be_slow, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct append_spec spec = { .internaldate = 1000000000, .size = 10 };
	struct player player;
	struct session_options o;
	struct session *s;
	struct err err;

	player_start_with(&player, serve_talkative, NULL, &usual);
	o = options_for(&player);
	o.timeout_ms = 300;
	cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
	cr_assert(session_append_begin(s, "x", &err) > 0);
	cr_assert(session_append_message(s, &spec, &err) == 0, "%s", err.text);
	for (int i = 0; i < 5; i++) {
		turn(s);
		usleep(100000);
		cr_assert(session_append_bytes(s, "ab", 2, &err) == 0, "%s", err.text);
	}
	cr_assert(session_append_end(s, &err) == 0, "%s", err.text);
	while (reap(s) == 0)
		turn(s);
	session_close(s);
	end_player(&player);
}

/* ---- several sessions in one loop ---- */

Test(imap_session, share_a_loop, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct player player[3];
	struct session_options o;
	struct session *s[3];
	int done[3] = { 0 };
	struct err err;

	for (int i = 0; i < 3; i++) {
		player_start_with(&player[i], serve_talkative, NULL, &usual);
		o = options_for(&player[i]);
		cr_assert(session_open(&o, &s[i], &err) == 0, "%s", err.text);
	}
	for (int n = 0; n < 50; n++)
		for (int i = 0; i < 3; i++)
			append(s[i], 100);
	while (done[0] + done[1] + done[2] < 150) {
		cr_assert(session_poll(s, 3, 1000, &err) == 0);
		for (int i = 0; i < 3; i++)
			done[i] += reap(s[i]);
	}
	for (int i = 0; i < 3; i++) {
		cr_expect(done[i] == 50);
		session_close(s[i]);
		end_player(&player[i]);
	}
}

/* ---- a refusal while the octets are on their way ---- */

/* Refuses after half of the first message, reads on as RFC 7888 wants, and then
 * takes a LIST. */
static void serve_early_no(int fd, void *context)
{
	char line[1024], tag[64];

	(void)context;
	greet(fd, "LITERAL+ MULTIAPPEND");
	play_read_line(fd, line, sizeof(line));
	snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
	play_read_octets(fd, 250000);
	play_send(fd, tag);
	play_send(fd, " NO Over quota\r\n");
	play_read_octets(fd, 250000);
	/* More messages, if they were on their way already, and the end of the command. */
	while (play_read_line(fd, line, sizeof(line)) && line[0])
		play_read_octets(fd, 500000);
	play_read_line(fd, line, sizeof(line));
	snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
	if (strstr(line, "LIST")) {
		play_send(fd, tag);
		play_send(fd, " OK\r\n");
	}
	play_read_line(fd, line, sizeof(line)); /* LOGOUT */
}

Test(imap_session, refused_on_the_way, .timeout = 60)
{
	static char octets[500000];
	struct play_options small = { .cut_after = -1, .receive_buffer = 16384 };
	struct append_spec spec = { .internaldate = 1000000000, .size = sizeof(octets) };
	CLEANUP(arena_release) struct arena arena = ARENA_INIT(1 << 20);
	struct append_result result;
	struct listed_folder folder;
	struct player player;
	struct session_options o;
	struct session *s;
	struct err err;

	player_start_with(&player, serve_early_no, NULL, &small);
	o = options_for(&player);
	cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
	cr_assert(session_append_begin(s, "x", &err) > 0);
	for (int message = 0; message < 3; message++) {
		cr_assert(session_append_message(s, &spec, &err) == 0, "%s", err.text);
		for (size_t at = 0; at < sizeof(octets);) {
			size_t n = session_room(s) < 50000 ? 0 : 50000;

			cr_assert(session_append_bytes(s, octets + at, n, &err) == 0, "%s",
				  err.text);
			at += n;
			if (n == 0)
				turn(s);
		}
	}
	cr_assert(session_append_end(s, &err) == 0, "%s", err.text);
	while (session_reap(s, &result, &err) == 0)
		cr_assert(session_poll(&s, 1, 1000, &err) == 0);
	cr_expect(!result.ok && result.refusal == REFUSAL_QUOTA);
	cr_expect(session_list_one(s, "x", &arena, &folder, &err) == 0, "%s", err.text);
	session_close(s);
	end_player(&player);
}

/* ---- octets that go out in part ---- */

static char octet_at(size_t i)
{
	return (char)('!' + (i ^ i >> 7 ^ i >> 14) % 90);
}

/* Takes messages of 300,000 octets, and looks at each. */
static void serve_careful(int fd, void *context)
{
	char line[1024], tag[64], piece[4096];
	bool equal = true;

	greet(fd, "LITERAL+ MULTIAPPEND");
	play_read_line(fd, line, sizeof(line));
	snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
	if (*(const bool *)context)
		poll(NULL, 0, 300); /* the line fills up */
	do {
		for (size_t at = 0; at < 300000;) {
			size_t left = 300000 - at;
			ssize_t n = read(fd, piece, left < sizeof(piece) ? left : sizeof(piece));

			if (n <= 0)
				return;
			for (ssize_t i = 0; i < n; i++)
				equal = equal && piece[i] == octet_at(at++);
		}
	} while (play_read_line(fd, line, sizeof(line)) && line[0]);
	play_send(fd, tag);
	play_send(fd, equal ? " OK stored\r\n" : " NO these are others\r\n");
	play_read_line(fd, line, sizeof(line)); /* LOGOUT */
}

Test(imap_session, octets_in_pieces, .timeout = 60)
{
	static const struct {
		const char *name;
		size_t piece;
		bool slow;
		int messages;
	} rows[] = {
		{ "small pieces", 1000, false, 4 },
		{ "whole records", 65536, false, 4 },
		{ "somewhat more than a record", 16385, false, 4 },
		{ "long pieces", 65600, false, 4 },
		{ "more than goes out early", 250001, false, 4 },
		{ "a line that takes a part", 65600, true, 40 },
		{ "and odd pieces", 70001, true, 40 },
	};
	static char octets[300000];
	struct append_spec spec = { .internaldate = 1000000000, .size = sizeof(octets) };

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = octet_at(i);
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct play_options how = { .cut_after = -1,
					    .receive_buffer = rows[r].slow ? 16384 : 0 };
		bool slow = rows[r].slow;
		struct append_result result;
		struct player player;
		struct session_options o;
		struct session *s;
		struct err err;
		int got;

		player_start_with(&player, serve_careful, &slow, &how);
		o = options_for(&player);
		cr_assert(session_open(&o, &s, &err) == 0, "%s: %s", rows[r].name, err.text);
		cr_assert(session_append_begin(s, "x", &err) > 0);
		for (int message = 0; message < rows[r].messages; message++) {
			cr_assert(session_append_message(s, &spec, &err) == 0, "%s", err.text);
			for (size_t at = 0, n; at < sizeof(octets); at += n) {
				n = rows[r].piece;
				if (n > sizeof(octets) - at)
					n = sizeof(octets) - at;
				if (n > session_room(s))
					n = session_room(s);
				if (n == 0)
					turn(s);
				cr_assert(session_append_bytes(s, octets + at, n, &err) == 0,
					  "%s: %s", rows[r].name, err.text);
			}
		}
		cr_assert(session_append_end(s, &err) == 0, "%s", err.text);
		while ((got = session_reap(s, &result, &err)) == 0)
			cr_assert(session_poll(&s, 1, 1000, &err) == 0);
		cr_assert(got > 0, "%s: %s", rows[r].name, err.text);
		cr_expect(result.ok, "%s: %s", rows[r].name, result.text);
		session_close(s);
		end_player(&player);
	}
}

/* ---- words behind the answer to STARTTLS ---- */

static void serve_starttls_injection(int fd, void *context)
{
	char line[512], answer[600];

	play_send(fd, "* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n");
	play_read_line(fd, line, sizeof(line));
	snprintf(answer, sizeof(answer), "%.*s OK begin\r\n%s", (int)strcspn(line, " "), line,
		 *(int *)context ? "" : "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n");
	play_send(fd, answer);
	if (*(int *)context) /* in a piece of its own */
		play_send(fd, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n");
	while (play_read_line(fd, line, sizeof(line)))
		;
}

Test(imap_session, starttls_injection, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };

	for (int apart = 0; apart < 2; apart++) {
		struct player player;
		struct session_options o;
		struct session *s;
		struct err err = ERR_INIT;

		player_start_with(&player, serve_starttls_injection, &apart, &usual);
		o = options_for(&player);
		o.security = SECURITY_STARTTLS;
		cr_expect(session_open(&o, &s, &err) < 0);
		cr_expect(err.code == ERR_TLS && err.retry == RETRY_NEVER, "%d: %s", apart,
			  err.text);
		end_player(&player);
	}
}

/* ---- a server that drips ---- */

static void serve_drip(int fd, void *context)
{
	(void)context;
	greet(fd, "");
	for (;;) {
		play_send(fd, "x");
		usleep(20000);
	}
}

Test(imap_session, drip, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct folder_status status;
	struct player player;
	struct session_options o;
	struct session *s;
	struct err err;

	player_start_with(&player, serve_drip, NULL, &usual);
	o = options_for(&player);
	o.timeout_ms = 500;
	cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
	cr_expect(session_status(s, "x", &status, &err) < 0);
	cr_expect(err.code == ERR_TIMEOUT, "%s", err.text);
	cr_expect(session_is_dead(s));
	session_close(s);
	end_player(&player);
}

/* ---- the password is in no trace ---- */

static void serve_login(int fd, void *context)
{
	char line[512], answer[600];

	play_send(fd, context ? "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n"
			      : "* OK [CAPABILITY IMAP4rev1] hi\r\n");
	while (play_read_line(fd, line, sizeof(line))) {
		if (strstr(line, "AUTHENTICATE")) {
			play_send(fd, "+ \r\n");
			play_read_line(fd, answer, sizeof(answer));
		}
		snprintf(answer, sizeof(answer), "%.*s NO [AUTHENTICATIONFAILED] no\r\n",
			 (int)strcspn(line, " "), line);
		play_send(fd, answer);
	}
}

Test(imap_session, secrets_are_not_traced, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };

	for (int sasl = 0; sasl < 2; sasl++) {
		CLEANUP(buf_release) struct buf trace = BUF_INIT(1 << 20);
		struct player player;
		struct session_options o;
		struct session *s;
		struct err err;

		player_start_with(&player, serve_login, sasl ? &sasl : NULL, &usual);
		o = options_for(&player);
		o.trace_fd = memfd_create("trace", 0);
		cr_expect(session_open(&o, &s, &err) < 0 && err.code == ERR_AUTH, "%s", err.text);
		cr_expect(strstr(err.text, SECRET) == NULL);
		buf_room(&trace, 1 << 16);
		trace.len = (size_t)pread(o.trace_fd, trace.ptr, 1 << 16, 0);
		cr_expect(trace.len > 0 &&
			  slice_ifind(buf_slice(&trace), SLICE_LIT("not shown")) >= 0);
		cr_expect(slice_ifind(buf_slice(&trace), SLICE_LIT(SECRET)) < 0);
		cr_expect(slice_ifind(buf_slice(&trace), SLICE_LIT("AGFsaWNl")) < 0, "in base64");
		close(o.trace_fd);
		end_player(&player);
	}
}

/* ---- what the caller may not do ---- */

Test(imap_session, misuse, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct append_spec spec = { .internaldate = 1000000000, .size = 5000 };
	struct player player;
	struct session_options o;
	struct session *s;
	struct err err;

	player_start_with(&player, serve_talkative, NULL, &usual);
	o = options_for(&player);
	cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
	cr_expect(session_append_end(s, &err) < 0 && err.code == ERR_INTERNAL);
	cr_expect(session_append_message(s, &spec, &err) < 0 && err.code == ERR_INTERNAL);
	cr_assert(session_append_begin(s, "x", &err) > 0);
	cr_expect(session_append_begin(s, "y", &err) < 0 && err.code == ERR_INTERNAL);
	cr_expect(session_append_end(s, &err) < 0 && err.code == ERR_INTERNAL, "no message");
	cr_expect(session_noop(s, &err) < 0 && err.code == ERR_INTERNAL);
	cr_assert(session_append_message(s, &spec, &err) == 0, "%s", err.text);
	cr_expect(session_append_bytes(s, err.text, 5001, &err) < 0 && err.code == ERR_INTERNAL);
	cr_expect(session_append_end(s, &err) < 0 && err.code == ERR_INTERNAL, "too short");
	cr_expect(session_append_message(s, &spec, &err) < 0 && err.code == ERR_INTERNAL);
	session_close(s);
	end_player(&player);
}

/* Servers without LITERAL+ read the octets as commands: they are never sent unasked. */
static void serve_plain(int fd, void *context)
{
	char line[512];

	greet(fd, context);
	while (play_read_line(fd, line, sizeof(line)))
		;
}

Test(imap_session, octets_only_when_asked, .timeout = 60)
{
	static const struct {
		const char *capabilities;
		uint64_t size;
		int second; /* result of a second message */
		int result;
	} rows[] = {
		{ "X", 5, -1, -1 },
		{ "LITERAL-", 4096, -1, 0 },
		{ "LITERAL-", 4097, -1, -1 },
		{ "LITERAL+", 4097, -1, 0 },
		{ "LITERAL+ MULTIAPPEND", 4097, 0, 0 },
	};
	static const char octets[5000];
	struct play_options usual = { .cut_after = -1 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct append_spec spec = { .internaldate = 1000000000, .size = rows[i].size };
		struct player player;
		struct session_options o;
		struct session *s;
		struct err err;

		player_start_with(&player, serve_plain, (void *)(uintptr_t)rows[i].capabilities,
				  &usual);
		o = options_for(&player);
		cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
		cr_assert(session_append_begin(s, "x", &err) > 0);
		cr_expect(session_append_message(s, &spec, &err) == rows[i].result, "%s",
			  rows[i].capabilities);
		if (rows[i].result == 0) {
			cr_assert(session_append_bytes(s, octets, spec.size, &err) == 0);
			cr_expect(session_append_message(s, &spec, &err) == rows[i].second, "%s",
				  rows[i].capabilities);
		}
		session_close(s);
		end_player(&player);
	}
}

/* ---- a signal ---- */

Test(imap_session, stops_on_a_signal, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct folder_status status;
	struct player player;
	struct session_options o;
	struct session *s;
	struct err err;

	player_start_with(&player, serve_plain, (void *)(uintptr_t) "X", &usual);
	o = options_for(&player);
	cr_assert(session_open(&o, &s, &err) == 0, "%s", err.text);
	stop_install();
	raise(SIGTERM);
	cr_expect(session_status(s, "x", &status, &err) < 0 && err.code == ERR_INTERRUPTED);
	cr_expect(session_poll(&s, 1, 0, &err) < 0 && err.code == ERR_INTERRUPTED);
	cr_expect(!session_is_dead(s));
	session_close(s);
	end_player(&player);
}

/* ---- opened beside other work ---- */

#define N_OPENED 4
#define SLOW_MS	 100

/* Each answer takes its time, as on a long line. */
static void serve_slowly(int fd, void *context)
{
	char line[1024], tag[64];

	(void)context;
	usleep(SLOW_MS * 1000);
	play_send(fd, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN NAMESPACE] hi\r\n");
	while (play_read_line(fd, line, sizeof(line))) {
		snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
		usleep(SLOW_MS * 1000);
		if (strstr(line, "NAMESPACE"))
			play_send(fd, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
		play_send(fd, tag);
		play_send(fd, " OK done\r\n");
		if (strstr(line, "LOGOUT"))
			break;
	}
}

/* Resume all that are not open yet: how many these are. */
static size_t go_on_all(struct opening **opening, struct session **s, struct session **half)
{
	struct err err;
	size_t n = 0;

	for (int i = 0; i < N_OPENED; i++) {
		if (!opening[i])
			continue;
		int got = session_open_go_on(opening[i], &s[i], &err);

		cr_assert(got >= 0, "%s", err.text);
		if (got == 0)
			opening[i] = NULL;
		else
			half[n++] = session_half_open(opening[i]);
	}
	return n;
}

Test(imap_session, opened_at_once, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct player player[N_OPENED];
	struct session *s[N_OPENED], *half[N_OPENED];
	struct opening *opening[N_OPENED];
	struct session_options o;
	int64_t begun_ms = time_monotonic_ms();
	struct err err;
	size_t n;

	for (int i = 0; i < N_OPENED; i++) {
		player_start_with(&player[i], serve_slowly, NULL, &usual);
		o = options_for(&player[i]);
		cr_assert(session_open_begin(&o, &opening[i], &err) == 0, "%s", err.text);
	}
	while ((n = go_on_all(opening, s, half)) > 0)
		cr_assert(session_poll(half, n, 1000, &err) == 0, "%s", err.text);
	/* The greeting, AUTHENTICATE, CAPABILITY, NAMESPACE: one behind another, sixteen of them.
	 */
	cr_expect(time_monotonic_ms() - begun_ms < 3 * 4 * SLOW_MS, "%d ms",
		  (int)(time_monotonic_ms() - begun_ms));
	for (int i = 0; i < N_OPENED; i++) {
		cr_expect_eq(session_separator(s[i]), '/');
		session_leave(s[i]);
	}
	for (int i = 0; i < N_OPENED; i++) {
		session_close(s[i]);
		end_player(&player[i]);
	}
}

/* Given up before it began, after `steps` rounds of it, and when it was open. */
Test(imap_session, no_longer_wanted, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };

	for (int steps = 0; steps < 5; steps++) {
		struct player player;
		struct session *half;
		struct opening *opening;
		struct session_options o;
		struct err err;

		player_start_with(&player, serve_slowly, NULL, &usual);
		o = options_for(&player);
		cr_assert(session_open_begin(&o, &opening, &err) == 0, "%s", err.text);
		for (int i = 0; i < steps; i++) {
			cr_assert_eq(session_open_go_on(opening, &half, &err), 1);
			half = session_half_open(opening);
			cr_assert(session_poll(&half, 1, 2 * SLOW_MS, &err) == 0);
		}
		session_open_abandon(opening);
		if (steps == 0) {
			o.timeout_ms = 1000; /* the server waits for somebody */
			cr_assert(session_open(&o, &half, &err) == 0, "%s", err.text);
			session_close(half);
		}
		end_player(&player);
	}
	session_open_abandon(NULL);
}

/* A server that says nothing ends it in time, whoever else is waited for. */
static void serve_nothing(int fd, void *context)
{
	char line[64];

	(void)context;
	(void)play_read_line(fd, line, sizeof(line));
}

Test(imap_session, opened_in_time, .timeout = 60)
{
	struct play_options usual = { .cut_after = -1 };
	struct player player;
	struct session *half;
	struct opening *opening;
	struct session_options o;
	struct err err;
	int got;

	player_start_with(&player, serve_nothing, NULL, &usual);
	o = options_for(&player);
	o.timeout_ms = 200;
	cr_assert(session_open_begin(&o, &opening, &err) == 0, "%s", err.text);
	while ((got = session_open_go_on(opening, &half, &err)) > 0) {
		half = session_half_open(opening);
		cr_assert(session_poll(&half, 1, 5000, &err) == 0);
	}
	cr_expect(got < 0 && err.code == ERR_TIMEOUT, "%s", err.text);
	end_player(&player);
}
