/*
 * The browser of this machine (RFC 8252 7.3): it comes back to a port that listens
 * on 127.0.0.1 only, for this login only. Who else comes along (another page, a
 * program of another user) does not know `state`, is sent away, and changes
 * nothing; and the code that he might have seen is worth nothing without the
 * verifier (RFC 7636).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"
#include "base/text.h"
#include "net/wait.h"
#include "oauth/form.h"
#include "oauth/login.h"

#define WAIT_MS	     600000 /* for the user */
#define VISIT_MS     5000   /* for one request to come in */
#define VISITS_MAX   200
#define REQUEST_MAX  16384
#define READ_SIZE    1024
#define FORM_MAX     (32u << 10)
#define REDIRECT_MAX 64
#define CODE_MAX     4096

static const char page_done[] = "The login is done. You may close this page.";
static const char page_refused[] = "The login was refused. You may close this page.";
static const char page_other[] = "There is nothing here.";

enum visit oauth_read_visit(struct slice request, const char *state, struct buf *word)
{
	CLEANUP(buf_release) struct buf given = BUF_INIT(256);
	struct slice line, path;

	if (!slice_line(&request, &line) || !slice_starts(line, SLICE_LIT("GET /")))
		return VISIT_OTHER;
	line = slice_from(line, strlen("GET "));
	path = slice_cut(&line, ' ');
	if (!slice_eq(slice_cut(&path, '?'), SLICE_LIT("/")) ||
	    form_get(path, "state", &given) <= 0 || !slice_eq(buf_slice(&given), slice_str(state)))
		return VISIT_OTHER;
	if (form_get(path, "error", word) > 0)
		return VISIT_REFUSED;
	return form_get(path, "code", word) > 0 && word->len > 0 ? VISIT_CODE : VISIT_OTHER;
}

/* ---- the port ---- */

static int open_port(uint16_t *port, struct err *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 8) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
		err_sys(err, ERR_CANTCREAT, SCOPE_ACCOUNT, errno, "a port for the browser");
		fd_cleanup(&fd);
		return -1;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

/* What a visitor asks, as far as its lines go. */
static void read_request(int fd, struct buf *request)
{
	int64_t deadline = time_monotonic_ms() + VISIT_MS;
	struct err ignored = ERR_INIT;

	while (slice_ifind(buf_slice(request), SLICE_LIT("\r\n\r\n")) < 0) {
		char *room = buf_room(request, READ_SIZE);
		ssize_t n;

		if (!room || wait_for(fd, POLLIN, deadline, &ignored) <= 0)
			return;
		n = recv(fd, room, READ_SIZE, 0);
		if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR)))
			return;
		request->len += n > 0 ? (size_t)n : 0;
	}
}

static void show_page(int fd, bool found, const char *text)
{
	CLEANUP(buf_release) struct buf page = BUF_INIT(1024);
	char rest[256];

	buf_addf(&page,
		 "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		 "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
		 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		 found ? "200 OK" : "404 Not Found", strlen(text), text);
	/* It fits into any socket buffer. */
	if (!page.failed && send(fd, page.ptr, page.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		shutdown(fd, SHUT_WR);
	(void)!recv(fd, rest, sizeof(rest), MSG_DONTWAIT); /* else the page might be cut off */
}

/* One visitor: VISIT_OTHER, or what he brings. */
static enum visit receive_visit(int listener, const char *state, struct buf *word)
{
	CLEANUP(fd_cleanup) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CLEANUP(buf_wipe) struct buf request = BUF_INIT(REQUEST_MAX);
	enum visit visit;

	if (fd < 0)
		return VISIT_OTHER;
	buf_room(&request, REQUEST_MAX - 1);
	read_request(fd, &request);
	visit = oauth_read_visit(buf_slice(&request), state, word);
	show_page(fd, visit != VISIT_OTHER,
		  visit == VISIT_CODE	   ? page_done
		  : visit == VISIT_REFUSED ? page_refused
					   : page_other);
	return visit;
}

static int wait_for_code(const struct oauth_login *login, int listener, const char *state,
			 struct buf *code, struct err *err)
{
	int64_t deadline = time_monotonic_ms() + WAIT_MS;

	for (int visits = 0; visits < VISITS_MAX; visits++) {
		int got = wait_for(listener, POLLIN, deadline, err);
		enum visit visit;

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		visit = receive_visit(listener, state, code);
		if (visit == VISIT_CODE)
			return 0;
		if (visit == VISIT_REFUSED) {
			CLEANUP(buf_release) struct buf word = BUF_INIT(1024);

			text_add_safe(&word, buf_slice(code), 60);
			return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
				       "%s: the login was refused in the browser: %s",
				       login->provider->name, buf_cstr(&word) ? word.ptr : "?");
		}
	}
	return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_NEVER,
		       "%s: nobody came back from the browser", login->provider->name);
}

/* ---- the address that the browser is sent to ---- */

static void add_address(struct buf *url, const struct oauth_login *login, const char *redirect,
			const char *state, const char *verifier)
{
	const struct oauth_provider *p = login->provider;
	char challenge[RANDOM_WORD_LEN + 1];

	pkce_challenge(verifier, challenge);
	buf_adds(url, p->authorize);
	buf_addc(url, strchr(p->authorize, '?') ? '&' : '?');
	form_add(url, "response_type", SLICE_LIT("code"));
	form_add(url, "client_id", slice_str(p->client_id));
	form_add(url, "redirect_uri", slice_str(redirect));
	if (p->scope)
		form_add(url, "scope", slice_str(p->scope));
	form_add(url, "state", slice_str(state));
	form_add(url, "code_challenge", slice_str(challenge));
	form_add(url, "code_challenge_method", SLICE_LIT("S256"));
	if (login->user)
		form_add(url, "login_hint", slice_str(login->user));
	if (p->extra) {
		buf_addc(url, '&');
		buf_adds(url, p->extra);
	}
}

/* Its grandchild, so that nobody has to wait for the browser to be closed. */
static void open_browser(const char *url)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) {
			int null = open("/dev/null", O_RDWR);

			dup2(null, STDIN_FILENO);
			dup2(null, STDOUT_FILENO);
			dup2(null, STDERR_FILENO);
			execlp("xdg-open", "xdg-open", url, (char *)NULL);
			_exit(127);
		}
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR && !stop_requested())
		;
}

static int send_browser(const struct oauth_login *login, const char *redirect, const char *state,
			const char *verifier, struct err *err)
{
	CLEANUP(buf_release) struct buf url = BUF_INIT(16384);
	CLEANUP(buf_release) struct buf text = BUF_INIT(20000);

	add_address(&url, login, redirect, state, verifier);
	if (buf_ok(&url, "the address", err) < 0 || !buf_cstr(&url))
		return -1;
	buf_adds(&text,
		 "Open this address in a browser on this machine, and log in there:\n\n    ");
	text_add_safe(&text, buf_slice(&url), 0);
	buf_adds(&text, "\n");
	if (buf_cstr(&text))
		login->say(login->context, text.ptr);
	if (login->open_browser)
		open_browser(url.ptr);
	return 0;
}

/* ---- tokens for the code ---- */

static int redeem(const struct oauth_login *login, struct oauth_grant *g, struct slice code,
		  const char *redirect, const char *verifier, struct err *err)
{
	CLEANUP(buf_wipe) struct buf form = BUF_INIT(FORM_MAX);
	CLEANUP(oauth_answer_release) struct oauth_answer answer;
	const struct oauth_provider *p = login->provider;

	oauth_answer_init(&answer);
	buf_room(&form, FORM_MAX - 1);
	form_add(&form, "grant_type", SLICE_LIT("authorization_code"));
	form_add(&form, "code", code);
	form_add(&form, "redirect_uri", slice_str(redirect));
	form_add(&form, "code_verifier", slice_str(verifier));
	form_add(&form, "client_id", buf_slice(&g->client_id));
	if (g->client_secret.len > 0)
		form_add(&form, "client_secret", buf_slice(&g->client_secret));
	if (buf_ok(&form, "the request", err) < 0 ||
	    oauth_ask(p->token, buf_slice(&form), p->ca_file, &answer, err) < 0)
		return -1;
	if (answer.status != 200)
		return oauth_failed(&answer, buf_slice(&form), p->name, "the login", err);
	return oauth_grant_take(g, &answer, err);
}

int oauth_login_browser(const struct oauth_login *login, struct oauth_grant *g, struct err *err)
{
	CLEANUP(buf_wipe) struct buf code = BUF_INIT(CODE_MAX);
	CLEANUP(buf_release) struct buf redirect = BUF_INIT(REDIRECT_MAX);
	char state[RANDOM_WORD_LEN + 1], verifier[RANDOM_WORD_LEN + 1];
	CLEANUP(fd_cleanup) int listener = -1;
	uint16_t port;
	int result = -1;

	if (random_word(state, err) < 0 || random_word(verifier, err) < 0)
		return -1;
	listener = open_port(&port, err);
	if (listener < 0)
		return -1;
	buf_addf(&redirect, "http://%s:%u", login->provider->redirect, port);
	if (!buf_cstr(&redirect))
		return err_nomem(err);
	if (send_browser(login, redirect.ptr, state, verifier, err) == 0 &&
	    wait_for_code(login, listener, state, &code, err) == 0)
		result = redeem(login, g, buf_slice(&code), redirect.ptr, verifier, err);
	explicit_bzero(verifier, sizeof(verifier));
	return result;
}
