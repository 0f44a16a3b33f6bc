/*
 * The scripted server. See imap_play.h.
 */
#include "imap_play.h"

#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define PATIENCE_S 10 /* a server that nobody ends */

/* ---- transcripts ---- */

static size_t unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (*in != '\\' || !in[1]) {
			*out++ = *in;
			continue;
		}
		in++;
		if (*in == 'x' && isxdigit((unsigned char)in[1]) &&
		    isxdigit((unsigned char)in[2])) {
			char hex[3] = { in[1], in[2], '\0' };

			*out++ = (char)strtoul(hex, NULL, 16);
			in += 2;
		} else {
			*out++ = *in == 'r' ? '\r' : *in == 'n' ? '\n' : *in;
		}
	}
	*out = '\0';
	return (size_t)(out - text);
}

static const struct {
	const char *mark;
	enum play_kind kind;
} marks[] = {
	{ "S: ", PLAY_SERVER_LINE }, { "S> ", PLAY_SERVER_RAW }, { "C: ", PLAY_CLIENT_LINE },
	{ "C> ", PLAY_CLIENT_RAW },  { "S! ", PLAY_ACT },	 { "D: ", PLAY_DO },
	{ "R: ", PLAY_RESULT },
};

static void add_line(struct play *p, const char *text, size_t len, int number)
{
	struct play_line *line;

	if (len == 0 || text[0] == '#')
		return;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (len < 3 || strncmp(text, marks[i].mark, 3) != 0)
			continue;
		p->line = realloc(p->line, (p->n + 1) * sizeof(*p->line));
		line = &p->line[p->n++];
		line->kind = marks[i].kind;
		line->number = number;
		line->text = strndup(text + 3, len - 3);
		line->len = len - 3;
		if (line->kind == PLAY_SERVER_RAW || line->kind == PLAY_CLIENT_RAW)
			line->len = unescape(line->text);
		return;
	}
	cr_assert(false, "line %d is not part of a transcript: %.*s", number, (int)len, text);
}

void play_parse(struct play *p, const char *text)
{
	int number = 1;

	*p = (struct play){ 0 };
	while (*text) {
		size_t len = strcspn(text, "\n");

		add_line(p, text, len, number++);
		text += len + (text[len] == '\n');
	}
}

void play_load(struct play *p, const char *path)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1 << 20);
	struct err err;

	cr_assert(fd_slurp(AT_FDCWD, path, &text, &err) == 0, "%s", err.text);
	play_parse(p, buf_cstr(&text));
}

void play_release(struct play *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->line[i].text);
	free(p->line);
	*p = (struct play){ 0 };
}

/* ---- the server process ---- */

#define TAGS_MAX 10

struct stage {
	int fd, report;
	const struct play_options *options;
	char tag[TAGS_MAX][64]; /* "<1>" .. "<9>": as the client chose them */
};

static void complain(const struct stage *st, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void complain(const struct stage *st, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vdprintf(st->report, fmt, args);
	va_end(args);
}

static bool send_all(const struct stage *st, const char *bytes, size_t len)
{
	size_t piece = st->options->byte_by_byte ? 1 : len;

	for (size_t at = 0; at < len; at += piece) {
		if (send(st->fd, bytes + at, piece, MSG_NOSIGNAL) != (ssize_t)piece)
			return false;
		if (st->options->byte_by_byte)
			sched_yield();
	}
	return true;
}

/* The text with "<1>" and "{version}" put in. */
static void fill_in(const struct stage *st, const struct play_line *line, struct buf *out)
{
	for (size_t i = 0; i < line->len; i++) {
		const char *at = line->text + i;

		if (at[0] == '<' && at[1] >= '1' && at[1] <= '9' && at[2] == '>' &&
		    st->tag[at[1] - '0'][0]) {
			buf_adds(out, st->tag[at[1] - '0']);
			i += 2;
		} else if (strncmp(at, "{version}", 9) == 0) {
			buf_adds(out, MAILHOIST_VERSION);
			i += 8;
		} else {
			buf_addc(out, *at);
		}
	}
	if (line->kind == PLAY_SERVER_LINE || line->kind == PLAY_CLIENT_LINE)
		buf_adds(out, "\r\n");
}

static bool get(const struct stage *st, char *c)
{
	return recv(st->fd, c, 1, 0) == 1;
}

/* A line that begins with "<n>" which is not yet known: the client tells its tag. */
static bool learn_tag(struct stage *st, const struct play_line *line)
{
	int n = line->text[1] - '0';
	size_t len = 0;
	char c;

	while (get(st, &c)) {
		if (c == ' ')
			return true;
		if (len + 1 < sizeof(st->tag[n]))
			st->tag[n][len++] = c;
	}
	return false;
}

static bool expect(struct stage *st, const struct play_line *line)
{
	CLEANUP(buf_release) struct buf want = BUF_INIT(1 << 20);
	CLEANUP(buf_release) struct buf have = BUF_INIT(1 << 20);
	size_t skip = 0;
	char c;

	if (line->text[0] == '<' && isdigit((unsigned char)line->text[1]) && line->text[2] == '>' &&
	    !st->tag[line->text[1] - '0'][0]) {
		if (!learn_tag(st, line)) {
			complain(st, "line %d: the client did not say \"%s\"\n", line->number,
				 line->text);
			return false;
		}
		skip = strlen(st->tag[line->text[1] - '0']) + 1;
	}
	fill_in(st, line, &want);
	while (have.len + skip < want.len) {
		if (!get(st, &c)) {
			complain(st, "line %d: the client ended within \"%s\": \"%s\"\n",
				 line->number, line->text, buf_cstr(&have));
			return false;
		}
		buf_addc(&have, c);
		if (c != want.ptr[skip + have.len - 1]) {
			complain(st, "line %d: wanted \"%s\", the client said \"%s\"\n",
				 line->number, line->text, buf_cstr(&have));
			return false;
		}
	}
	return true;
}

/* Behind the transcript: the client may log out and must say nothing else. */
static void curtain(struct stage *st)
{
	char line[256], *blank;

	while (play_read_line(st->fd, line, sizeof(line))) {
		blank = strchr(line, ' ');
		if (!blank || strcmp(blank, " LOGOUT") != 0) {
			complain(st, "behind the transcript the client said \"%s\"\n", line);
			return;
		}
		*blank = '\0';
		play_send(st->fd, "* BYE\r\n");
		play_send(st->fd, line);
		play_send(st->fd, " OK\r\n");
	}
}

/* "flood N text": N octets of `text` over and over. */
static void flood(const struct stage *st, const char *what)
{
	char *text;
	unsigned long long n = strtoull(what, &text, 10);
	char block[65536];

	text++;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = text[i % strlen(text)];
	for (; n > 0; n -= n < sizeof(block) ? n : sizeof(block))
		if (send(st->fd, block, n < sizeof(block) ? n : sizeof(block), MSG_NOSIGNAL) < 0)
			return;
}

/* False: the play is over. */
static bool act(const struct stage *st, const char *what)
{
	char c;

	if (strcmp(what, "close") == 0)
		return false;
	if (strncmp(what, "flood ", 6) == 0) {
		flood(st, what + 6);
		return true;
	}
	if (strcmp(what, "stall") == 0) /* until the client goes */
		while (get(st, &c))
			;
	return false;
}

static void play(struct stage *st, const struct play *p)
{
	int said = 0;

	for (size_t i = 0; i < p->n; i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(1 << 20);
		const struct play_line *line = &p->line[i];

		if (line->kind == PLAY_CLIENT_LINE || line->kind == PLAY_CLIENT_RAW) {
			if (!expect(st, line))
				return;
		} else if (line->kind == PLAY_ACT) {
			if (!act(st, line->text))
				return;
		} else if (line->kind == PLAY_SERVER_LINE || line->kind == PLAY_SERVER_RAW) {
			if (said++ == st->options->cut_after)
				return;
			fill_in(st, line, &text);
			if (!send_all(st, text.ptr, text.len))
				return;
		}
	}
	curtain(st);
}

/* ---- starting and ending ---- */

static int listen_somewhere(char port[8], const struct play_options *o)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* Small segments with small buffers: else TCP itself waits for the window to open. */
	if (o->receive_buffer)
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){ 1400 }, sizeof(int));
	if (o->receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &o->receive_buffer, sizeof(int));
	if (o->send_buffer)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &o->send_buffer, sizeof(int));
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
		  listen(fd, 4) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	snprintf(port, 8, "%u", ntohs(address.sin_port));
	return fd;
}

struct scripted {
	const struct play *play;
	const struct play_options *options;
	int report;
};

static void serve_script(int fd, void *context)
{
	const struct scripted *script = context;
	struct stage st = { .fd = fd, .report = script->report, .options = script->options };

	play(&st, script->play);
}

static void run_player(int listener, void (*serve)(int fd, void *context), void *context)
{
	int one = 1, fd;

	alarm(PATIENCE_S);
	fd = accept(listener, NULL, NULL);
	close(listener);
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve(fd, context);
	}
	_exit(0);
}

static void start(struct player *player, void (*serve)(int fd, void *context), void *context,
		  int report_end, const struct play_options *o)
{
	int listener = listen_somewhere(player->port, o);

	player->pid = fork();
	cr_assert(player->pid >= 0);
	if (player->pid == 0)
		run_player(listener, serve, context);
	close(listener);
	close(report_end);
}

void player_start(struct player *player, const struct play *p, const struct play_options *o)
{
	struct scripted script = { p, o, -1 };
	int ends[2];

	cr_assert(pipe(ends) == 0);
	script.report = ends[1];
	player->report = ends[0];
	start(player, serve_script, &script, ends[1], o);
}

void player_start_with(struct player *player, void (*serve)(int fd, void *context), void *context,
		       const struct play_options *o)
{
	int ends[2];

	cr_assert(pipe(ends) == 0);
	player->report = ends[0];
	start(player, serve, context, ends[1], o);
}

void player_end(struct player *player, struct buf *complaint)
{
	char text[4096];
	ssize_t got;
	int status;

	while ((got = read(player->report, text, sizeof(text))) > 0)
		buf_add(complaint, text, (size_t)got);
	close(player->report);
	cr_assert(waitpid(player->pid, &status, 0) == player->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		buf_addf(complaint, "the scripted server ended with status %x\n", (unsigned)status);
}

void play_send(int fd, const char *text)
{
	size_t len = strlen(text);

	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

bool play_read_line(int fd, char *line, size_t size)
{
	size_t len = 0;
	char c;

	while (recv(fd, &c, 1, 0) == 1) {
		if (c == '\n') {
			line[len > 0 && line[len - 1] == '\r' ? len - 1 : len] = '\0';
			return true;
		}
		if (len + 1 < size)
			line[len++] = c;
	}
	return false;
}

void play_read_octets(int fd, uint64_t n)
{
	char block[65536];
	ssize_t got;

	while (n > 0) {
		got = recv(fd, block, n < sizeof(block) ? n : sizeof(block), 0);
		if (got <= 0)
			_exit(0);
		n -= (uint64_t)got;
	}
}
