/*
 * The account of a command. See account.h.
 */
#include "cli/account.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/journal.h"

#define ARENA_LIMIT ((size_t)1 << 20)

static const char *default_state_dir(struct arena *a, struct err *err)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME"), *dir;

	if (xdg && xdg[0] == '/')
		dir = arena_printf(a, "%s/mailhoist", xdg);
	else if (home && home[0] == '/')
		dir = arena_printf(a, "%s/.local/state/mailhoist", home);
	else {
		err_set(err, ERR_CANTCREAT, SCOPE_RUN, RETRY_NEVER,
			"no place for the journal: neither $XDG_STATE_HOME nor $HOME is set; "
			"use --state DIR");
		return NULL;
	}
	if (!dir)
		err_nomem(err);
	return dir;
}

static const char *state_dir_of(const struct options *o, struct arena *a, struct err *err)
{
	return o->state_dir ? o->state_dir : default_state_dir(a, err);
}

/* Two servers behind one name are two accounts; the usual port is not mentioned. */
static const char *name_of(const struct account_url *url, struct arena *a)
{
	return url->port ? arena_printf(a, "%s@%s:%s", url->user, url->host, url->port)
			 : arena_printf(a, "%s@%s", url->user, url->host);
}

static int open_trace(struct account *acc, const struct options *o, struct err *err)
{
	acc->trace_fd = -1;
	acc->trace = o->trace;
	if (!o->trace)
		return 0;
	acc->trace_fd = open(o->trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (acc->trace_fd < 0)
		return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno, "--trace '%s'", o->trace);
	return 0;
}

/* A line that does not leave this machine may be without TLS. ("127.example" is a name.) */
static bool is_loopback(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

#define PROFILE_FILE_MAX (1u << 20)

/* The user's file, wholly in memory: it must be there, and be right, before anything else. */
static int read_profiles(struct account *acc, const struct options *o, struct err *err)
{
	struct profile ignored;
	struct slice file = profiles_builtin();

	buf_init(&acc->profiles, PROFILE_FILE_MAX);
	if (o->profile_file && fd_slurp(AT_FDCWD, o->profile_file, &acc->profiles, err) < 0)
		return err_prefix(err, "--profile-file");
	if (o->profile_file)
		file = buf_slice(&acc->profiles);
	/* a name that nothing has reads it to its end */
	return profile_find(file, &(struct profile_signs){ 0 }, o->profile, &acc->arena, &ignored,
			    err) < 0
		       ? -1
		       : 0;
}

/* ---- OAuth ---- */

static int find_place(struct account *acc, struct err *err)
{
	CLEANUP(buf_release) struct buf dir = BUF_INIT(8192);

	if (journal_account_dir(acc->state_dir, acc->name, false, &dir, err) < 0)
		return -1;
	acc->place.dir = arena_slice(&acc->arena, buf_slice(&dir));
	acc->place.account = acc->name;
	return acc->place.dir ? 0 : err_nomem(err);
}

/* Somebody has logged in, and says nothing else now. */
static bool has_login(const struct account *acc, const struct options *o, bool password_given)
{
	return !password_given && !o->password_command && !o->password_file && o->password_fd < 0 &&
	       !o->oauth_token_command && o->command != COMMAND_LOGIN &&
	       oauth_store_exists(&acc->place);
}

int account_use_login(struct account *acc, struct err *err)
{
	acc->oauth = oauth_new(&acc->place);
	if (!acc->oauth)
		return err_nomem(err);
	acc->connect.secret = (struct secret_source){
		.get = oauth_get, .context = acc->oauth, .token = true, .refused = oauth_refused
	};
	return 0;
}

/* ---- how to connect ---- */

static void fill_connect(struct account *acc, const struct options *o)
{
	acc->connect = (struct session_options){
		.host = acc->url.host,
		.port = acc->url.port,
		.security = acc->url.tls ? SECURITY_TLS : SECURITY_STARTTLS,
		.allow_plaintext = o->allow_plaintext || is_loopback(acc->url.host),
		.user = acc->url.user,
		.authzid = o->authzid,
		.mechanism = o->mechanism,
		.secret = secret_source_of(acc->secret),
		.stalled = &acc->stalled,
		.ca_file = o->tls_ca,
		.tls_fingerprint = o->tls_fingerprint,
		.timeout_ms = (int)o->timeout_s * 1000,
		.trace_fd = acc->trace_fd,
		.compress = o->compress == COMPRESS_ON,
		.profile = o->profile,
		.profile_file = buf_slice(&acc->profiles),
		.memory = &acc->memory,
	};
}

static int fill_pop3(struct account *acc, const struct options *o, struct err *err)
{
	struct account_url url;

	if (!o->pop3)
		return 0;
	if (pop3_url_parse(o->pop3, &acc->arena, &url, err) != 0)
		return -1;
	acc->has_pop3 = true;
	acc->pop3 = acc->connect;
	acc->pop3.stalled = &acc->pop3_stalled;
	acc->pop3.host = url.host;
	acc->pop3.port = url.port;
	acc->pop3.security = url.tls ? SECURITY_TLS : SECURITY_STARTTLS;
	acc->pop3.allow_plaintext = o->allow_plaintext || is_loopback(url.host);
	if (url.user)
		acc->pop3.user = url.user;
	return 0;
}

/* The same at every login, as a rule. */
static void show_alert(void *context, const char *text)
{
	struct account *acc = context;

	for (size_t i = 0; i < acc->n_alerts; i++) {
		if (strcmp(acc->alerts[i], text) == 0)
			return;
	}
	if (acc->n_alerts == ALERTS_MAX)
		return;
	acc->alerts[acc->n_alerts] = arena_str(&acc->arena, text);
	if (acc->alerts[acc->n_alerts])
		acc->n_alerts++;
	progress_note(acc->progress, "the server says: %s", text);
}

static void tell_trace_ended(void *context, int sys_errno)
{
	struct account *acc = context;

	if (acc->trace_ended)
		return;
	acc->trace_ended = true;
	progress_note(acc->progress, "--trace '%s' ends here: %s", acc->trace, strerror(sys_errno));
}

void account_tell_to(struct account *acc, const struct progress *progress)
{
	acc->progress = progress;
	acc->connect.alert = show_alert;
	acc->connect.trace_ended = tell_trace_ended;
	acc->connect.alert_context = acc;
}

int account_init(struct account *acc, const struct options *o, struct err *err)
{
	const bool password_given = getenv("MAILHOIST_PASSWORD") != NULL;

	*acc = (struct account){ .arena = ARENA_INIT(ARENA_LIMIT), .trace_fd = -1 };
	session_memory_init(&acc->memory);
	if (account_url_parse(o->to, &acc->arena, &acc->url, err) != 0)
		goto fail;
	acc->name = name_of(&acc->url, &acc->arena);
	acc->state_dir = state_dir_of(o, &acc->arena, err);
	if (!acc->state_dir || open_trace(acc, o, err) != 0 || read_profiles(acc, o, err) != 0)
		goto fail;
	acc->secret = secret_new(o, acc->url.user, acc->url.host);
	if (!acc->name || !acc->secret) {
		err_nomem(err);
		goto fail;
	}
	fill_connect(acc, o);
	if (find_place(acc, err) != 0 ||
	    (has_login(acc, o, password_given) && account_use_login(acc, err) != 0))
		goto fail;
	if (fill_pop3(acc, o, err) != 0)
		goto fail;
	return 0;
fail:
	account_release(acc);
	return -1;
}

void account_release(struct account *acc)
{
	secret_free(acc->secret);
	oauth_free(acc->oauth);
	buf_release(&acc->profiles);
	session_memory_release(&acc->memory);
	fd_cleanup(&acc->trace_fd);
	arena_release(&acc->arena);
	acc->secret = NULL;
	acc->oauth = NULL;
}

/* The account's name of a directory that journal_open() made: its escapes (%XX) undone. */
static const char *unescape(struct arena *a, const char *dir)
{
	struct slice rest = slice_str(dir);
	char *out = arena_str(a, dir), *p = out;

	while (out && rest.len > 0) {
		uint64_t byte = (unsigned char)rest.ptr[0];
		size_t used = 1;

		if (rest.ptr[0] == '%' && rest.len > 2 &&
		    slice_hex64(slice_head(slice_from(rest, 1), 2), &byte))
			used = 3;
		*p++ = (char)byte;
		rest = slice_from(rest, used);
	}
	if (out)
		*p = '\0';
	return out;
}

/* The journal directory that was written last, and how many there are. */
static int newest(DIR *dir, struct arena *a, const char **name, size_t *n)
{
	struct timespec best = { 0, 0 };
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		char path[NAME_MAX + sizeof("/journal.sqlite-wal")];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/journal.sqlite", entry->d_name);
		if (fstatat(dirfd(dir), path, &st, 0) != 0)
			continue;
		++*n;
		if (*name &&
		    (st.st_mtim.tv_sec < best.tv_sec ||
		     (st.st_mtim.tv_sec == best.tv_sec && st.st_mtim.tv_nsec <= best.tv_nsec)))
			continue;
		best = st.st_mtim;
		*name = unescape(a, entry->d_name);
		if (!*name)
			return -1;
	}
	return 0;
}

int account_find(const struct options *o, bool only, struct arena *a, const char **state_dir,
		 const char **name, struct err *err)
{
	struct account_url url;
	size_t n = 0;
	DIR *dir;

	*name = NULL;
	*state_dir = state_dir_of(o, a, err);
	if (!*state_dir)
		return -1;
	if (o->to) {
		if (account_url_parse(o->to, a, &url, err) != 0)
			return -1;
		*name = name_of(&url, a);
		return *name ? 0 : err_nomem(err);
	}
	dir = opendir(*state_dir);
	if (dir && newest(dir, a, name, &n) != 0) {
		closedir(dir);
		return err_nomem(err);
	}
	if (dir)
		closedir(dir);
	if (!*name)
		return err_set(err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER,
			       "no journal in '%s': nothing was planned or run yet", *state_dir);
	if (only && n > 1)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "'%s' holds the journals of %zu accounts: say which by --to URL",
			       *state_dir, n);
	return 0;
}
