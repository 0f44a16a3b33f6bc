/*
 * The transcripts of tests/wire: each is played as it stands, octet by octet, and
 * cut off behind every line of the server. The last must end in an error of what
 * was at work, never in a hang, and whatever was told before it must be the same.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imap/session.h"
#include "imap_play.h"

#define WIRE_DIR    "tests/wire"
#define TIMEOUT_MS  8000 /* for a busy machine; transcripts of silence set their own */
#define WORDS_MAX   32
#define TICKETS_MAX 32

/* ---- a session that is told what to do by words ---- */

struct actor {
	const char *port;
	bool beside; /* it is opened as beside other work */
	struct session *session;
	struct arena arena;
	struct buf results; /* a line for each thing that came of it */
	int n_open;	    /* tickets not reaped */
	int secret_asked;
	bool tokens; /* the secret is a token, and a new one when the server refuses it */
	bool refused;
};

static const char *code_name(enum err_code code)
{
	static const char *const names[] = {
		[ERR_USAGE] = "usage",
		[ERR_UNAVAILABLE] = "unavailable",
		[ERR_INTERNAL] = "internal",
		[ERR_PROTOCOL] = "protocol",
		[ERR_CONNECT] = "connect",
		[ERR_EOF] = "eof",
		[ERR_TIMEOUT] = "timeout",
		[ERR_TLS] = "tls",
		[ERR_AUTH] = "auth",
		[ERR_LIMIT] = "limit",
		[ERR_REFUSED] = "refused",
		[ERR_READONLY] = "readonly",
		[ERR_INTERRUPTED] = "interrupted",
	};

	if ((size_t)code < sizeof(names) / sizeof(names[0]) && names[code])
		return names[code];
	return "other";
}

static void failed(struct actor *a, const struct err *err)
{
	static const char *const retry[] = { "never", "now", "later" };

	const char *port = strstr(err->text, a->port);

	buf_addf(&a->results, "error %s %s: ", code_name(err->code), retry[err->retry]);
	if (port)
		buf_addf(&a->results, "%.*sPORT%s\n", (int)(port - err->text), err->text,
			 port + strlen(a->port));
	else
		buf_addf(&a->results, "%s\n", err->text);
}

static int tell_secret(void *context, char *secret, size_t size, struct err *err)
{
	struct actor *a = context;

	(void)err;
	a->secret_asked++;
	if (a->tokens)
		return snprintf(secret, size, "tok.en-%d", a->refused ? 2 : 1);
	return snprintf(secret, size, "sec\"ret");
}

static void token_refused(void *context)
{
	struct actor *a = context;

	a->refused = true;
}

static void show_alert(void *context, const char *text)
{
	struct actor *a = context;

	buf_addf(&a->results, "alert: %s\n", text);
}

static bool has_word(char **words, const char *word)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static int open_beside(const struct session_options *o, struct session **out, struct err *err)
{
	struct session *half;
	struct opening *opening;
	int got;

	if (session_open_begin(o, &opening, err) < 0)
		return -1;
	while ((got = session_open_go_on(opening, out, err)) > 0) {
		half = session_half_open(opening);
		cr_assert(session_poll(&half, 1, TIMEOUT_MS, err) == 0, "%s", err->text);
	}
	return got;
}

/* open [starttls] [ro] [token | tokens] [mech=NAME] [timeout=MS] */
static int do_open(struct actor *a, char **words, struct err *err)
{
	struct session_options o = {
		.host = "127.0.0.1",
		.port = a->port,
		.security = has_word(words, "starttls") ? SECURITY_STARTTLS : SECURITY_PLAIN,
		.user = "alice",
		.secret = { .get = tell_secret,
			    .context = a,
			    .token = has_word(words, "token") || has_word(words, "tokens"),
			    .refused = has_word(words, "tokens") ? token_refused : NULL },
		.alert = show_alert,
		.alert_context = a,
		.read_only = has_word(words, "ro"),
		.timeout_ms = TIMEOUT_MS,
		.trace_fd = -1,
	};

	a->tokens = o.secret.token;
	for (char **w = words; *w; w++) {
		if (strncmp(*w, "mech=", 5) == 0)
			o.mechanism = *w + 5;
		else if (strncmp(*w, "timeout=", 8) == 0)
			o.timeout_ms = atoi(*w + 8);
	}
	if ((a->beside ? open_beside : session_open)(&o, &a->session, err) < 0)
		return -1;
	buf_addf(&a->results, "prefix '%s' separator '%c' server '%s'\n",
		 session_prefix(a->session),
		 session_separator(a->session) ? session_separator(a->session) : '0',
		 session_server_name(a->session));
	return 0;
}

static void show_folder(struct actor *a, const struct listed_folder *f)
{
	buf_addf(&a->results, "folder '%s' '%s' '%c'%s%s%s %s", f->wire_name, f->name,
		 f->separator ? f->separator : '0',
		 f->attributes & ATTR_NOSELECT ? " noselect" : "",
		 f->attributes & ATTR_NOINFERIORS ? " noinferiors" : "",
		 f->attributes & ATTR_SUBSCRIBED ? " subscribed" : "", role_name(f->role));
	if (f->status.uidvalidity != 0)
		buf_addf(&a->results, " status %u %u %u %" PRIu64, f->status.uidvalidity,
			 f->status.uidnext, f->status.messages, f->status.highestmodseq);
	buf_addc(&a->results, '\n');
}

static int do_list(struct actor *a, char **words, struct err *err)
{
	struct listed_folder *folders;
	size_t n;

	(void)words;
	if (session_list(a->session, &a->arena, &folders, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		show_folder(a, &folders[i]);
	buf_addf(&a->results, "%zu folders\n", n);
	return 0;
}

/* ahead status|examine|index|flags NAME|NUMBER: show whether it was said. */
static int do_ahead(struct actor *a, char **words, struct err *err)
{
	struct session *s = a->session;
	long number = atol(words[1]);
	int got = -1;

	if (strcmp(words[0], "status") == 0)
		got = session_status_ahead(s, words[1], err);
	else if (strcmp(words[0], "examine") == 0)
		got = session_examine_ahead(s, words[1], err);
	else if (strcmp(words[0], "index") == 0)
		got = session_index_ahead(s, (uint32_t)number, err);
	else if (strcmp(words[0], "flags") == 0)
		got = session_flags_ahead(s, (uint64_t)number, err);
	if (got == 0)
		buf_addf(&a->results, "not ahead: %s\n", words[0]);
	return got < 0 ? -1 : 0;
}

static int do_list_one(struct actor *a, char **words, struct err *err)
{
	struct listed_folder folder;
	int got = session_list_one(a->session, words[0], &a->arena, &folder, err);

	if (got > 0)
		show_folder(a, &folder);
	else if (got == 0)
		buf_adds(&a->results, "not listed\n");
	return got;
}

/* create NAME [sent] */
static int do_create(struct actor *a, char **words, struct err *err)
{
	enum role role = words[1] && strcmp(words[1], "sent") == 0 ? ROLE_SENT : ROLE_NONE;
	struct listed_folder folder;
	int got = session_create(a->session, words[0], role, &a->arena, &folder, err);

	if (got > 0)
		show_folder(a, &folder);
	else if (got == 0)
		buf_addf(&a->results, "refused: %s\n", err->text);
	return got;
}

/* prepare-many NAME...: "+NAME" is one that exists */
static int do_prepare_many(struct actor *a, char **words, struct err *err)
{
	struct new_folder folders[WORDS_MAX];
	struct listed_folder made[WORDS_MAX];
	struct folder_status st[WORDS_MAX];
	size_t n = 0;

	for (; words[n]; n++) {
		bool exists = words[n][0] == '+';

		folders[n] = (struct new_folder){ words[n] + exists, ROLE_NONE, exists };
	}
	if (session_prepare_many(a->session, folders, n, &a->arena, made, st, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (made[i].wire_name)
			show_folder(a, &made[i]);
		else if (!folders[i].exists)
			buf_addf(&a->results, "not made: %s\n", folders[i].wire_name);
		buf_addf(&a->results, "%s %u %u %u\n", folders[i].wire_name, st[i].uidvalidity,
			 st[i].uidnext, st[i].messages);
	}
	return 0;
}

static int do_subscribe_later(struct actor *a, char **words, struct err *err)
{
	return session_subscribe_later(a->session, words[0], err);
}

static int do_subscribe(struct actor *a, char **words, struct err *err)
{
	return session_subscribe(a->session, words[0], err);
}

static int do_status(struct actor *a, char **words, struct err *err)
{
	struct folder_status st;

	if (session_status(a->session, words[0], &st, err) < 0)
		return -1;
	buf_addf(&a->results, "status %u %u %u %" PRIu64 "\n", st.uidvalidity, st.uidnext,
		 st.messages, st.highestmodseq);
	return 0;
}

static int do_size(struct actor *a, char **words, struct err *err)
{
	uint32_t messages;
	uint64_t octets;

	if (session_folder_size(a->session, words[0], &messages, &octets, err) < 0)
		return -1;
	buf_addf(&a->results, "messages %" PRIu32 " octets %" PRIu64 "\n", messages, octets);
	return 0;
}

static int do_delete(struct actor *a, char **words, struct err *err)
{
	if (session_delete_scratch(a->session, words[0], err) < 0)
		return -1;
	buf_adds(&a->results, "deleted\n");
	return 0;
}

static int do_quota(struct actor *a, char **words, struct err *err)
{
	struct quota q;

	if (session_quota(a->session, words[0], &q, err) < 0)
		return -1;
	buf_adds(&a->results, "quota");
	if (q.has_octets)
		buf_addf(&a->results, " octets %" PRIu64 " of %" PRIu64, q.octets_used,
			 q.octets_limit);
	if (q.has_messages)
		buf_addf(&a->results, " messages %" PRIu64 " of %" PRIu64, q.messages_used,
			 q.messages_limit);
	buf_addc(&a->results, '\n');
	return 0;
}

static void show_selected(struct actor *a, const struct selected *sel)
{
	buf_addf(&a->results, "selected %u %u %u flags %x%s", sel->uidvalidity, sel->uidnext,
		 sel->messages, sel->permanent_flags, sel->keywords_allowed ? " keywords" : "");
	for (size_t i = 0; i < sel->n_keywords; i++)
		buf_addf(&a->results, " %s", sel->keywords[i]);
	buf_addc(&a->results, '\n');
}

static int do_examine(struct actor *a, char **words, struct err *err)
{
	struct selected sel;

	if (session_examine(a->session, words[0], &sel, err) < 0)
		return -1;
	show_selected(a, &sel);
	return 0;
}

static int do_select(struct actor *a, char **words, struct err *err)
{
	struct selected sel;

	if (session_select(a->session, words[0], &sel, err) < 0)
		return -1;
	show_selected(a, &sel);
	return 0;
}

static int do_unselect(struct actor *a, char **words, struct err *err)
{
	(void)words;
	return session_unselect(a->session, err);
}

static void add_visible(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\r')
			buf_adds(b, "\\r");
		else if (s.ptr[i] == '\n')
			buf_adds(b, "\\n");
		else
			buf_addc(b, s.ptr[i] ? s.ptr[i] : '0');
	}
}

static int add_rows(struct actor *a, struct err *err)
{
	struct index_row row;
	int got;

	while ((got = session_index_next(a->session, &a->arena, &row, err)) > 0) {
		buf_addf(&a->results, "row %u %" PRIu64 " %" PRId64 " %x", row.uid, row.size,
			 row.internaldate, row.flags.system);
		for (size_t i = 0; i < row.flags.n_keywords; i++)
			buf_addf(&a->results, " %s", row.flags.keywords[i]);
		buf_adds(&a->results, " '");
		add_visible(&a->results, slice_head(row.header, 200));
		buf_adds(&a->results, "'\n");
	}
	return got;
}

static int do_index(struct actor *a, char **words, struct err *err)
{
	return session_index_start(a->session, (uint32_t)atol(words[0]), err) < 0
		       ? -1
		       : add_rows(a, err);
}

/* sizes FIRST */
static int do_sizes(struct actor *a, char **words, struct err *err)
{
	return session_sizes_start(a->session, (uint32_t)atol(words[0]), err) < 0
		       ? -1
		       : add_rows(a, err);
}

/* flags SINCE */
static int do_flags(struct actor *a, char **words, struct err *err)
{
	struct index_row row;
	int got;

	if (session_flags_start(a->session, (uint64_t)atol(words[0]), err) < 0)
		return -1;
	while ((got = session_index_next(a->session, &a->arena, &row, err)) > 0) {
		buf_addf(&a->results, "flags %u %x", row.uid, row.flags.system);
		for (size_t i = 0; i < row.flags.n_keywords; i++)
			buf_addf(&a->results, " %s", row.flags.keywords[i]);
		buf_addc(&a->results, '\n');
	}
	return got;
}

/* fetch SECTION OCTETS UID... */
static int do_fetch(struct actor *a, char **words, struct err *err)
{
	struct fetch_chunk chunk;
	uint32_t uids[WORDS_MAX];
	size_t n = 0;
	int got;

	for (char **w = words + 2; *w; w++)
		uids[n++] = (uint32_t)atol(*w);
	if (session_fetch_start(a->session, uids, n, words[0], (uint64_t)atol(words[1]), err) < 0)
		return -1;
	while ((got = session_fetch_next(a->session, &chunk, err)) > 0) {
		if (chunk.kind == CHUNK_BEGIN)
			buf_addf(&a->results, "body %u %" PRIu64 " '", chunk.uid, chunk.total);
		if (chunk.kind == CHUNK_BYTES)
			add_visible(&a->results, chunk.bytes);
		if (chunk.kind == CHUNK_END)
			buf_adds(&a->results, "'\n");
	}
	if (got < 0 && a->results.len > 0 && a->results.ptr[a->results.len - 1] != '\n')
		buf_addc(&a->results, '\n');
	return got;
}

/* Wait for "+": as session_may_continue(). */
static int wait_for_plus(struct actor *a)
{
	struct err err;
	int may;

	while ((may = session_may_continue(a->session)) == 0)
		session_poll(&a->session, 1, 1000, &err);
	return may;
}

/* One message of do_append(): "sync|async TEXT [kw=WORD] [flags=N]" */
static int append_one(struct actor *a, char ***words, struct err *err)
{
	char *text = (*words)[1];
	struct append_spec spec = { .internaldate = 1000000000,
				    .size = strlen(text),
				    .synchronising = strcmp((*words)[0], "sync") == 0 };
	const char *keywords[4];

	for (*words += 2; **words; ++*words) {
		if (strncmp(**words, "kw=", 3) == 0)
			keywords[spec.n_keywords++] = **words + 3;
		else if (strncmp(**words, "flags=", 6) == 0)
			spec.flags = (uint32_t)atol(**words + 6);
		else
			break;
	}
	spec.keywords = keywords;
	if (session_append_message(a->session, &spec, err) < 0)
		return -1;
	if (spec.synchronising && wait_for_plus(a) < 0)
		return 1;
	return session_append_bytes(a->session, text, spec.size, err);
}

/* append NAME (sync|async TEXT [kw=WORD] [flags=N])... */
static int do_append(struct actor *a, char **words, struct err *err)
{
	int got = 0;

	if (session_append_begin(a->session, words[0], err) < 0)
		return -1;
	a->n_open++;
	for (words++; *words && got == 0;)
		got = append_one(a, &words, err);
	if (got == 1) {
		buf_adds(&a->results, "not continued\n");
		return 0;
	}
	return got < 0 ? -1 : session_append_end(a->session, err);
}

static int do_noop(struct actor *a, char **words, struct err *err)
{
	(void)words;
	return session_noop(a->session, err);
}

static size_t read_uids(char **words, uint32_t uids[WORDS_MAX])
{
	size_t n = 0;

	for (; *words; words++)
		uids[n++] = (uint32_t)strtoul(*words, NULL, 10);
	return n;
}

static int submitted(struct actor *a, int64_t ticket)
{
	a->n_open += ticket > 0;
	return ticket > 0 ? 0 : -1;
}

/* copy NAME UID... */
static int do_copy(struct actor *a, char **words, struct err *err)
{
	uint32_t uids[WORDS_MAX];
	size_t n = read_uids(words + 1, uids), taken;

	return submitted(a, session_copy(a->session, uids, n, words[0], &taken, err));
}

/* move NAME UID... */
static int do_move(struct actor *a, char **words, struct err *err)
{
	uint32_t uids[WORDS_MAX];
	size_t n = read_uids(words + 1, uids), taken;

	return submitted(a, session_move(a->session, uids, n, words[0], &taken, err));
}

/* store +|- FLAGS KEYWORD|"" UNCHANGEDSINCE UID... */
static int do_store(struct actor *a, char **words, struct err *err)
{
	const char *keyword = words[2];
	struct store_spec spec = { .remove = words[0][0] == '-',
				   .flags = (uint32_t)atol(words[1]),
				   .keywords = &keyword,
				   .n_keywords = *keyword != '\0',
				   .unchanged_since = (uint64_t)atol(words[3]) };
	uint32_t uids[WORDS_MAX];
	size_t n = read_uids(words + 4, uids), taken;

	return submitted(a, session_store(a->session, uids, n, &spec, &taken, err));
}

/* expunge UID... */
static int do_expunge(struct actor *a, char **words, struct err *err)
{
	uint32_t uids[WORDS_MAX];
	size_t n = read_uids(words, uids), taken;

	return submitted(a, session_expunge(a->session, uids, n, &taken, err));
}

static int do_compress(struct actor *a, char **words, struct err *err)
{
	int got = session_compress(a->session, err);

	(void)words;
	if (got >= 0)
		buf_addf(&a->results, "compressed %d\n", got);
	return got < 0 ? -1 : 0;
}

/* look header|flags UID... */
static int do_look(struct actor *a, char **words, struct err *err)
{
	uint32_t uids[WORDS_MAX];
	size_t n = read_uids(words + 1, uids), taken;
	struct index_row row;
	int got;

	if (session_index_start_set(a->session, uids, n, strcmp(words[0], "header") == 0, &taken,
				    err) < 0)
		return -1;
	while ((got = session_index_next(a->session, &a->arena, &row, err)) > 0)
		buf_addf(&a->results, "row %u %" PRIu64 " %" PRId64 " %x %zu\n", row.uid, row.size,
			 row.internaldate, row.flags.system, row.header.len);
	return got;
}

static void show_ranges(struct actor *a, const struct uid_range *ranges, size_t n)
{
	buf_addf(&a->results, " [%zu]", n);
	for (size_t i = 0; i < n; i++)
		buf_addf(&a->results, " %u:%u", ranges[i].first, ranges[i].last);
}

/* All that was submitted. */
static int do_reap(struct actor *a, char **words, struct err *err)
{
	struct append_result r;
	struct err ignored;
	int got;

	(void)words;
	while (a->n_open > 0) {
		got = session_reap(a->session, &r, err);
		if (got < 0)
			return -1;
		if (got == 0) {
			session_poll(&a->session, 1, 1000, &ignored);
			continue;
		}
		a->n_open--;
		if (r.n_from > 0) {
			buf_addf(&a->results, "pairs %u", r.uidvalidity);
			show_ranges(a, r.from, r.n_from);
			show_ranges(a, r.to, r.n_to);
			buf_addc(&a->results, '\n');
		} else if (r.ok)
			buf_addf(&a->results, "stored %u %u:%u %zu\n", r.uidvalidity, r.first_uid,
				 r.last_uid, r.n_uids);
		else
			buf_addf(&a->results, "refused %d %s\n", (int)r.refusal, r.text);
	}
	return 0;
}

static int do_asked(struct actor *a, char **words, struct err *err)
{
	(void)words;
	(void)err;
	buf_addf(&a->results, "secret asked %d times\n", a->secret_asked);
	return 0;
}

static const struct {
	const char *name;
	int (*act)(struct actor *a, char **words, struct err *err);
	bool without_session;
} acts[] = {
	{ "open", do_open, true },
	{ "list", do_list, false },
	{ "list-one", do_list_one, false },
	{ "create", do_create, false },
	{ "subscribe", do_subscribe, false },
	{ "prepare-many", do_prepare_many, false },
	{ "subscribe-later", do_subscribe_later, false },
	{ "status", do_status, false },
	{ "quota", do_quota, false },
	{ "size", do_size, false },
	{ "delete", do_delete, false },
	{ "examine", do_examine, false },
	{ "select", do_select, false },
	{ "unselect", do_unselect, false },
	{ "index", do_index, false },
	{ "sizes", do_sizes, false },
	{ "flags", do_flags, false },
	{ "fetch", do_fetch, false },
	{ "append", do_append, false },
	{ "ahead", do_ahead, false },
	{ "compress", do_compress, false },
	{ "copy", do_copy, false },
	{ "move", do_move, false },
	{ "store", do_store, false },
	{ "expunge", do_expunge, false },
	{ "look", do_look, false },
	{ "noop", do_noop, false },
	{ "reap", do_reap, false },
	{ "asked", do_asked, true },
};

/* Words of a line; "quoted ones" may hold blanks, \r, \n, \" and \xNN. In place. */
static void split(char *text, char *words[WORDS_MAX + 1])
{
	size_t n = 0;

	while (*text && n < WORDS_MAX) {
		char *out;
		bool quoted;

		while (*text == ' ')
			text++;
		if (!*text)
			break;
		quoted = *text == '"';
		text += quoted;
		words[n++] = out = text;
		while (*text && *text != (quoted ? '"' : ' ')) {
			if (*text == '\\' && text[1] == 'x') {
				char hex[3] = { text[2], text[3], '\0' };

				*out++ = (char)strtoul(hex, NULL, 16);
				text += 4;
			} else if (*text == '\\' && text[1]) {
				*out++ = text[1] == 'r' ? '\r' : text[1] == 'n' ? '\n' : text[1];
				text += 2;
			} else {
				*out++ = *text++;
			}
		}
		text += *text != '\0';
		*out = '\0';
	}
	words[n] = NULL;
}

static void perform(struct actor *a, const struct play_line *line)
{
	char *text = strdup(line->text), *words[WORDS_MAX + 1];
	struct err err = ERR_INIT;
	bool known = false;

	split(text, words);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].name, words[0]) != 0)
			continue;
		known = true;
		if (!a->session && !acts[i].without_session)
			continue;
		if (acts[i].act(a, words + 1, &err) < 0)
			failed(a, &err);
	}
	cr_assert(known, "line %d: nobody can '%s'", line->number, words[0]);
	free(text);
}

/* ---- playing ---- */

static void play_once(const struct play *p, const struct play_options *o, bool beside,
		      struct buf *results, struct buf *complaint)
{
	struct actor actor = { .beside = beside,
			       .arena = ARENA_INIT(16 << 20),
			       .results = BUF_INIT(4 << 20) };
	struct player player;

	player_start(&player, p, o);
	actor.port = player.port;
	for (size_t i = 0; i < p->n; i++)
		if (p->line[i].kind == PLAY_DO)
			perform(&actor, &p->line[i]);
	session_close(actor.session);
	player_end(&player, complaint);
	buf_add_slice(results, buf_slice(&actor.results));
	buf_release(&actor.results);
	arena_release(&actor.arena);
}

static void wanted(const struct play *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->line[i].kind == PLAY_RESULT)
			buf_addf(out, "%s\n", p->line[i].text);
}

static void play_whole(const char *name, const struct play *p, bool byte_by_byte, bool beside)
{
	CLEANUP(buf_release) struct buf want = BUF_INIT(1 << 20);
	CLEANUP(buf_release) struct buf have = BUF_INIT(8 << 20);
	CLEANUP(buf_release) struct buf complaint = BUF_INIT(1 << 20);
	struct play_options o = { .byte_by_byte = byte_by_byte, .cut_after = -1 };

	wanted(p, &want);
	play_once(p, &o, beside, &have, &complaint);
	cr_expect(slice_eq(buf_slice(&have), buf_slice(&want)), "%s%s: wanted\n%s\nhave\n%s", name,
		  byte_by_byte ? ", octet by octet" : "", buf_cstr(&want), buf_cstr(&have));
	cr_expect(complaint.len == 0, "%s%s: %s", name, byte_by_byte ? ", octet by octet" : "",
		  buf_cstr(&complaint));
}

/* Cut behind line n: the same results up to an error. */
static void play_cut(const char *name, const struct play *p, int n, bool beside)
{
	CLEANUP(buf_release) struct buf want = BUF_INIT(1 << 20);
	CLEANUP(buf_release) struct buf have = BUF_INIT(8 << 20);
	CLEANUP(buf_release) struct buf complaint = BUF_INIT(1 << 20);
	struct play_options o = { .cut_after = n };
	struct slice w, h, w_line, h_line;

	wanted(p, &want);
	play_once(p, &o, beside, &have, &complaint);
	w = buf_slice(&want);
	h = buf_slice(&have);
	while (slice_line(&h, &h_line)) {
		if (slice_starts(h_line, SLICE_LIT("error ")) ||
		    slice_starts(h_line, SLICE_LIT("not continued")))
			return;
		/* What was streaming ends where it was cut. */
		cr_expect(slice_line(&w, &w_line) && (slice_eq(w_line, h_line) ||
						      slice_starts(h_line, SLICE_LIT("body "))),
			  "%s cut behind line %d: %.*s", name, n, (int)h_line.len, h_line.ptr);
	}
}

static int count_server_lines(const struct play *p)
{
	int n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->line[i].kind == PLAY_SERVER_LINE || p->line[i].kind == PLAY_SERVER_RAW;
	return n;
}

static int is_transcript(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".wire") == 0;
}

static void each_transcript(void (*visit)(const char *name, const struct play *p))
{
	struct dirent **names;
	char path[512];
	struct play p;
	int n = scandir(WIRE_DIR, &names, is_transcript, alphasort);

	cr_assert(n > 0, "no transcripts in %s", WIRE_DIR);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", WIRE_DIR, names[i]->d_name);
		play_load(&p, path);
		visit(names[i]->d_name, &p);
		play_release(&p);
		free(names[i]);
	}
	free(names);
}

static void visit_whole(const char *name, const struct play *p)
{
	play_whole(name, p, false, false);
}

static void visit_octets(const char *name, const struct play *p)
{
	play_whole(name, p, true, false);
}

static void visit_beside(const char *name, const struct play *p)
{
	play_whole(name, p, false, true);
}

static void visit_cuts(const char *name, const struct play *p)
{
	for (int n = 0; n < count_server_lines(p); n++)
		play_cut(name, p, n, false);
}

#define OPENING_LINES 8 /* of the server: behind them every session is open */

static void visit_cuts_beside(const char *name, const struct play *p)
{
	for (int n = 0; n < count_server_lines(p) && n < OPENING_LINES; n++)
		play_cut(name, p, n, true);
}

Test(imap_wire, transcripts)
{
	each_transcript(visit_whole);
}

Test(imap_wire, octet_by_octet)
{
	each_transcript(visit_octets);
}

Test(imap_wire, cut_behind_every_line)
{
	each_transcript(visit_cuts);
}

Test(imap_wire, opened_beside)
{
	each_transcript(visit_beside);
}

Test(imap_wire, opened_beside_and_cut)
{
	each_transcript(visit_cuts_beside);
}
