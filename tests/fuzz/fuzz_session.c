/*
 * Fuzz target: a whole session against a server that says anything, so that what is read in the
 * midst of a command is read too: COPYUID and APPENDUID, STATUS among the rows of LIST, QUOTA, "+",
 * tagged lines that nobody asked for. Checked: what the calls promise of what they give.
 *
 * Input: a line of letters, what the session is told to do (acts[]), then what the server says, in
 * turns that end with the octet 2; the octet 1 stands for the tag of the last command. A turn is
 * said when the client has said something; after the last the server hangs up.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "imap/session.h"

#define ACTS_MAX   12
#define ROUNDS_MAX 200 /* of waiting for the end of what was submitted */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the server ---- */

struct server {
	int listener, fd; /* fd -1: nobody has come yet, or all is said */
	char port[8];
	struct slice turns;
	char tag[64];
	unsigned idle; /* rounds in which the client said nothing */
	bool began;
};

/* One for all runs: ports are few. */
static void listen_once(struct server *s)
{
	static int listener = -1;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);

	if (listener < 0) {
		listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		check(listener >= 0 && bind(listener, (struct sockaddr *)&at, len) == 0 &&
		      listen(listener, 8) == 0);
	}
	check(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	snprintf(s->port, sizeof(s->port), "%d", ntohs(at.sin_port));
	s->listener = listener;
}

static void let_in(struct server *s)
{
	int yes = 1;

	s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s->fd >= 0) /* or each second line would wait for the first one's ACK */
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

/* At once, by a reset: a port that lingers is one less for the next run. */
static void hang_up(struct server *s)
{
	struct linger at_once = { 1, 0 };

	if (s->fd < 0)
		return;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(s->fd);
	s->fd = -1;
}

/* The first word of the last line that has come. */
static bool hear(struct server *s)
{
	char text[4096];
	ssize_t got = recv(s->fd, text, sizeof(text), MSG_DONTWAIT);
	struct slice rest, line, word = SLICE_LIT("");

	if (got <= 0)
		return false;
	rest = slice_of(text, (size_t)got);
	while (slice_line(&rest, &line))
		if (line.len > 0)
			word = slice_cut(&line, ' ');
	if (word.len > 0 && word.len < sizeof(s->tag)) {
		memcpy(s->tag, word.ptr, word.len);
		s->tag[word.len] = '\0';
	}
	return true;
}

static void say(struct server *s, struct slice turn)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1 << 20);

	for (size_t i = 0; i < turn.len; i++) {
		if (turn.ptr[i] == '\001')
			buf_adds(&text, s->tag);
		else
			buf_addc(&text, turn.ptr[i]);
	}
	(void)send(s->fd, text.ptr, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Called while the session waits. What it wants to say is not sent before it has polled: a line
 * that means nothing makes it do so at once. */
static size_t serve(void *context, struct session **others, size_t max)
{
	struct server *s = context;

	(void)others, (void)max;
	if (!s->began && s->fd < 0)
		let_in(s);
	if (s->fd < 0)
		return 0;
	s->idle = hear(s) ? 0 : s->idle + 1;
	if (s->began && s->idle == 1) {
		say(s, SLICE_LIT("* OK\r\n"));
		return 0;
	}
	s->began = true;
	s->idle = 0;
	while (slice_starts(s->turns, SLICE_LIT("\002")))
		s->turns = slice_from(s->turns, 1);
	if (s->turns.len == 0)
		hang_up(s);
	else
		say(s, slice_cut(&s->turns, '\002'));
	return 0;
}

/* ---- the client ---- */

struct client {
	struct session *session;
	struct server *server;
	struct arena arena;
	struct err err;
};

static int tell_secret(void *context, char *secret, size_t size, struct err *err)
{
	(void)context, (void)err;
	return snprintf(secret, size, "secret");
}

static void check_folder(const struct listed_folder *f)
{
	check(f->wire_name && *f->wire_name && f->name && f->role < ROLE_COUNT);
}

static void act_list(struct client *c)
{
	struct listed_folder *folders;
	size_t n;

	if (session_list(c->session, &c->arena, &folders, &n, &c->err) == 0)
		for (size_t i = 0; i < n; i++)
			check_folder(&folders[i]);
}

static void act_status(struct client *c)
{
	struct folder_status status;

	if (session_status(c->session, "INBOX", &status, &c->err) == 0)
		check(status.uidvalidity != 0);
}

static void act_quota(struct client *c)
{
	struct quota quota;
	uint32_t messages;
	uint64_t octets;

	(void)session_quota(c->session, "INBOX", &quota, &c->err);
	(void)session_folder_size(c->session, "INBOX", &messages, &octets, &c->err);
}

static void act_create(struct client *c)
{
	static const struct new_folder many[] = { { "b", ROLE_NONE, false },
						  { "Sent", ROLE_SENT, false },
						  { "INBOX", ROLE_INBOX, true },
						  { "B", ROLE_NONE, true } };
	struct listed_folder folder, made[4];
	struct folder_status status[4];

	if (session_create(c->session, "a b", ROLE_NONE, &c->arena, &folder, &c->err) > 0)
		check_folder(&folder);
	if (session_prepare_many(c->session, many, 4, &c->arena, made, status, &c->err) < 0)
		return;
	for (size_t i = 0; i < 4; i++) {
		check(!made[i].wire_name || made[i].name);
		check(!made[i].wire_name || !many[i].exists);
	}
}

static void act_select(struct client *c)
{
	struct selected selected;

	if (session_select(c->session, "INBOX", &selected, &c->err) == 0)
		check(selected.n_keywords <= KEYWORDS_MAX);
}

static void act_unselect(struct client *c)
{
	(void)session_unselect(c->session, &c->err);
}

static void read_rows(struct client *c)
{
	struct index_row row;

	while (session_index_next(c->session, &c->arena, &row, &c->err) > 0) {
		check(row.uid != 0 && row.flags.n_keywords <= KEYWORDS_MAX);
		arena_reset(&c->arena);
	}
}

static void act_index(struct client *c)
{
	if (session_index_start(c->session, 1, &c->err) == 0)
		read_rows(c);
	if (session_flags_start(c->session, 0, &c->err) == 0)
		read_rows(c);
}

static void act_fetch(struct client *c)
{
	static const uint32_t uids[] = { 1, 2, 4000000000 };
	struct fetch_chunk chunk;
	bool inside = false;

	if (session_fetch_start(c->session, uids, 3, "", 0, &c->err) < 0)
		return;
	while (session_fetch_next(c->session, &chunk, &c->err) > 0) {
		check(inside == (chunk.kind != CHUNK_BEGIN));
		inside = chunk.kind != CHUNK_END;
	}
}

static void check_result(const struct append_result *r)
{
	uint64_t from = 0, to = 0;

	check(r->text && (r->ok || r->refusal != REFUSAL_NONE));
	check(r->uidvalidity != 0 || r->first_uid == 0);
	check(r->first_uid <= r->last_uid);
	for (size_t i = 0; i < r->n_from; i++) {
		check(r->from[i].first > 0 && r->from[i].first <= r->from[i].last);
		from += (uint64_t)r->from[i].last - r->from[i].first + 1;
	}
	for (size_t i = 0; i < r->n_to; i++) {
		check(r->to[i].first > 0 && r->to[i].first <= r->to[i].last);
		to += (uint64_t)r->to[i].last - r->to[i].first + 1;
	}
	check(r->n_to == 0 || from == to);
}

/* 1 when the session may go on. */
static int turn(struct client *c)
{
	(void)serve(c->server, NULL, 0);
	return session_poll(&c->session, 1, 0, &c->err) == 0 && !session_is_dead(c->session);
}

static void reap(struct client *c, int64_t ticket)
{
	struct append_result r = { 0 };

	if (ticket < 0)
		return;
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		int got = session_reap(c->session, &r, &c->err);

		if (got > 0)
			check_result(&r);
		if (got < 0 || (got > 0 && r.ticket == ticket) || !turn(c))
			return;
	}
}

static void act_file(struct client *c)
{
	static const uint32_t uids[] = { 1, 2, 3, 7 };
	struct store_spec flags = { .flags = FLAG_SEEN, .unchanged_since = 5 };
	size_t taken;

	reap(c, session_copy(c->session, uids, 4, "a", &taken, &c->err));
	if (session_capabilities(c->session) & CAP_MOVE)
		reap(c, session_move(c->session, uids, 4, "a", &taken, &c->err));
	reap(c, session_store(c->session, uids, 4, &flags, &taken, &c->err));
}

/* Whether the octets may be sent: with a synchronising literal the server is waited for. */
static bool may_send(struct client *c)
{
	int may = 0;

	for (unsigned i = 0; i < ROUNDS_MAX && may == 0; i++) {
		may = session_may_continue(c->session);
		if (may == 0 && !turn(c))
			return false;
	}
	return may > 0;
}

static void append(struct client *c, bool synchronising)
{
	static const char text[] = "Subject: x\r\n\r\ny\r\n";
	struct append_spec spec = { .internaldate = 0,
				    .size = sizeof(text) - 1,
				    .synchronising = synchronising };
	int64_t ticket = session_append_begin(c->session, "a", &c->err);

	if (ticket < 0 || session_append_message(c->session, &spec, &c->err) < 0)
		return;
	if (synchronising && !may_send(c)) {
		reap(c, ticket);
		return;
	}
	if (session_append_bytes(c->session, text, spec.size, &c->err) == 0 &&
	    session_append_end(c->session, &c->err) == 0)
		reap(c, ticket);
}

static void act_append(struct client *c)
{
	append(c, true);
}

static void act_append_at_once(struct client *c)
{
	if (session_capabilities(c->session) & CAP_LITERAL_PLUS)
		append(c, false);
}

static const struct {
	char letter;
	void (*act)(struct client *c);
} acts[] = {
	{ 'l', act_list },   { 's', act_status },	  { 'q', act_quota },
	{ 'c', act_create }, { 'o', act_select },	  { 'u', act_unselect },
	{ 'i', act_index },  { 'f', act_fetch },	  { 'm', act_file },
	{ 'a', act_append }, { 'p', act_append_at_once },
};

static void act(struct client *c, struct slice letters)
{
	for (size_t i = 0; i < letters.len && i < ACTS_MAX; i++)
		for (size_t k = 0; k < sizeof(acts) / sizeof(acts[0]); k++)
			if (acts[k].letter == letters.ptr[i] && !session_is_dead(c->session))
				acts[k].act(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size), letters = slice_cut(&in, '\n');
	struct server server = { .fd = -1, .turns = in };
	struct client c = { .server = &server, .arena = ARENA_INIT(16 << 20) };
	struct session_company company = { serve, &server };
	struct session_options options = { .host = "127.0.0.1",
					   .port = server.port,
					   .security = SECURITY_PLAIN,
					   .user = "alice",
					   .secret = { .get = tell_secret },
					   .timeout_ms = 5000,
					   .trace_fd = -1,
					   .company = &company };

	if (in.len == 0 || size > 64000)
		return 0;
	listen_once(&server);
	if (session_open(&options, &c.session, &c.err) == 0) {
		act(&c, letters);
		session_close(c.session);
	}
	hang_up(&server);
	arena_release(&c.arena);
	return 0;
}
