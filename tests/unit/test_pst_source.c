/*
 * The parent half of the PST source against a played worker, which tells a small
 * store and dies, hangs or talks nonsense where it is told to. Whatever it does,
 * every message is delivered or told as failed, once, and none is lost without a word.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/pst.h"
#include "source/pst_wire.h"
#include "store_dir.h"
#include "worker/frame.h"
#include "worker/spawn.h"

#define N_FOLDERS 3
#define N_ITEMS	  5 /* of each folder */
#define LONG_ITEM 2 /* of each folder: larger than what is kept in memory */
#define LONG_LEN  (700 << 10)
#define NID(f, i) ((uint32_t)((1 + (f)*N_ITEMS + (i)) << 5 | 4))
#define FOLDER(f) ((uint32_t)((0x400 + (f)) << 5 | 2))
#define CULPRIT	  NID(1, 2)

enum where {
	NOWHERE,
	AT_HELLO,
	AT_OPEN,
	AT_FOLDER, /* the second one */
	AT_ITEM,   /* before the culprit's frames */
	IN_ITEM,   /* between its data */
	AT_END,	   /* before its end */
	AT_ITEMS_END,
	AT_FOLDERS_END,
	AT_FETCH,
};

enum how {
	SEGV,
	KILLED,
	EXITS,
	CLOSES, /* exits with 0 */
	GARBAGE,
	HALF, /* a frame cut in the middle, and exits */
	HANGS,
	/* a well-formed frame that has no place here */
	END_AGAIN,
	NID_BACK,
	WRONG_LENGTH,
	UNKNOWN_TYPE,
	BAD_FIELD,
	FOREVER, /* begins anew, and anew */
	FLOOD,	 /* one finding after the other */
	TRICKLE, /* data, but no octet of them */
	N_HOW
};

static struct {
	enum where where;
	enum how how;
	bool once; /* only with a file `mark`, which the first one removes */
	char mark[64];
	bool anonymous; /* the page does not say where */
} fault;

/* ---- the played worker ---- */

static struct frame_in in;
static struct frame_out out;
static struct worker_page *page;
static struct err worker_err;
static bool skipped;

static _Noreturn void misbehave_frame(enum how how)
{
	static const char empty[4];

	switch (how) {
	case END_AGAIN:
		frame_begin(&out, PST_END);
		frame_put_u64(&out, 0);
		frame_put_u32(&out, 0);
		frame_end(&out, &worker_err);
		frame_begin(&out, PST_END);
		frame_put_u64(&out, 0);
		frame_put_u32(&out, 0);
		break;
	case NID_BACK:
		frame_begin(&out, PST_OTHER);
		frame_put_u32(&out, 1);
		frame_put_u32(&out, 1);
		frame_put_bytes(&out, SLICE_LIT("IPM.Contact"));
		break;
	case WRONG_LENGTH:
		frame_begin(&out, PST_END);
		frame_put_u64(&out, 123456789);
		frame_put_u32(&out, 0);
		break;
	case BAD_FIELD:
		frame_begin(&out, PST_FAILED);
		frame_put_raw(&out, empty, sizeof(empty));
		frame_put_bytes(&out, SLICE_LIT("\xff\xfe"));
		break;
	case FOREVER:
		do
			frame_begin(&out, PST_AGAIN);
		while (frame_end(&out, &worker_err) == 0);
		_exit(0);
	case FLOOD:
		do {
			frame_begin(&out, PST_DAMAGE);
			frame_put_u32(&out, 4);
			frame_put_u64(&out, 0);
			frame_put_bytes(&out, SLICE_LIT("something"));
		} while (frame_end(&out, &worker_err) == 0);
		_exit(0);
	case TRICKLE:
		do
			frame_begin(&out, PST_DATA);
		while (frame_end(&out, &worker_err) == 0);
		_exit(0);
	default:
		frame_begin(&out, 250);
	}
	frame_end(&out, &worker_err);
	frame_flush(&out, &worker_err);
	while (pause() < 0)
		;
	_exit(0);
}

static void maybe(enum where where)
{
	static const char noise[] = "*** glibc detected *** corrupted size vs. prev_size\n";

	if (where == NOWHERE || fault.where != where || skipped)
		return;
	if (fault.once && access(fault.mark, F_OK) != 0)
		return;
	unlink(fault.mark);
	if (fault.how < GARBAGE)
		frame_flush(&out, &worker_err);
	switch (fault.how) {
	case SEGV:
		signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would exit */
		raise(SIGSEGV);
		break;
	case KILLED:
		kill(getpid(), SIGKILL);
		break;
	case EXITS:
		_exit(1);
	case CLOSES:
		_exit(0);
	case GARBAGE:
	case HALF:
		if (write(WORKER_SOCKET, noise, fault.how == HALF ? 5 : sizeof(noise)) < 0)
			_exit(3);
		_exit(0);
	case HANGS:
		while (pause() < 0)
			;
		break;
	default:
		misbehave_frame(fault.how);
	}
	_exit(2);
}

static void put_empty(enum pst_frame type)
{
	frame_begin(&out, (uint8_t)type);
	frame_end(&out, &worker_err);
}

static void play_folder(int f)
{
	static const char *const names[] = { "Inbox", "Work", "Sent" };

	maybe(f == 1 ? AT_FOLDER : NOWHERE);
	frame_begin(&out, PST_FOLDER);
	frame_put_u32(&out, FOLDER(f));
	frame_put_u32(&out, f == 2 ? ROLE_SENT : ROLE_NONE);
	frame_put_u8(&out, PST_FOLDER_MAIL);
	frame_put_u64(&out, N_ITEMS);
	frame_put_u64(&out, 1);
	frame_put_u32(&out, 2);
	frame_put_bytes(&out, SLICE_LIT("Top"));
	frame_put_bytes(&out, slice_str(names[f]));
	frame_end(&out, &worker_err);
}

static void play_data(uint32_t nid, size_t len)
{
	static char bytes[PST_DATA_MAX];

	memset(bytes, 'a' + (int)(nid >> 5) % 26, sizeof(bytes));
	for (size_t sent = 0; sent < len;) {
		size_t n = len - sent < sizeof(bytes) ? len - sent : sizeof(bytes);

		frame_begin(&out, PST_DATA);
		frame_put_raw(&out, bytes, n);
		frame_end(&out, &worker_err);
		sent += n;
		if (nid == CULPRIT && sent * 2 > len)
			maybe(IN_ITEM);
	}
}

static void play_damage(uint32_t nid)
{
	frame_begin(&out, PST_DAMAGE);
	frame_put_u32(&out, nid);
	frame_put_u64(&out, 0);
	frame_put_bytes(&out, SLICE_LIT("a block is damaged"));
	frame_end(&out, &worker_err);
}

static void play_begin(uint32_t nid)
{
	frame_begin(&out, PST_BEGIN);
	frame_put_u32(&out, nid);
	frame_put_bytes(&out, SLICE_LIT("12345678"));
	frame_put_bytes(&out, SLICE_LIT("IPM.Note"));
	frame_put_u8(&out, 1);
	frame_put_u64(&out, 1000000000 + nid);
	frame_put_u64(&out, (uint64_t)TIME_NONE);
	frame_put_u8(&out, 0);
	frame_put_u8(&out, 0);
	frame_put_u32(&out, FLAG_SEEN);
	frame_put_u8(&out, 0);
	frame_put_u32(&out, 1);
	frame_put_bytes(&out, SLICE_LIT("$Forwarded"));
	frame_end(&out, &worker_err);
}

static void play_item(uint32_t nid, size_t len)
{
	if (!fault.anonymous) {
		page->stage = PST_STAGE_ITEM;
		page->item = nid;
	}
	if (nid == CULPRIT && skipped) {
		frame_begin(&out, PST_FAILED);
		frame_put_u32(&out, nid);
		frame_put_bytes(&out, SLICE_LIT(""));
		frame_put_bytes(&out, SLICE_LIT(""));
		frame_put_bytes(&out, SLICE_LIT(""));
		frame_end(&out, &worker_err);
		return;
	}
	if (nid == CULPRIT)
		maybe(AT_ITEM);
	play_begin(nid);
	play_data(nid, len);
	if (nid == CULPRIT)
		play_damage(nid);
	if (nid == CULPRIT)
		maybe(AT_END);
	frame_begin(&out, PST_END);
	frame_put_u64(&out, len);
	frame_put_u32(&out, 3);
	frame_end(&out, &worker_err);
}

static size_t len_of(int i)
{
	return i == LONG_ITEM ? LONG_LEN : 100 + (size_t)i;
}

static void play_command(const struct frame *frame, int *folder)
{
	struct fields f = fields_of(frame);
	uint32_t nid = frame->type == PST_NEXT_FOLDER ? 0 : field_u32(&f);

	switch (frame->type) {
	case PST_SKIP:
		skipped = true;
		break;
	case PST_OPEN:
		maybe(AT_OPEN);
		frame_begin(&out, PST_STORE);
		frame_put_bytes(&out, SLICE_LIT("0123456789abcdef"));
		frame_put_u32(&out, 2);
		frame_put_u8(&out, 0);
		frame_put_u8(&out, 0);
		frame_end(&out, &worker_err);
		break;
	case PST_NEXT_FOLDER:
		if (++*folder < N_FOLDERS) {
			play_folder(*folder);
		} else {
			maybe(AT_FOLDERS_END);
			put_empty(PST_FOLDERS_END);
		}
		break;
	case PST_SEEK_FOLDER:
		*folder = (int)((nid >> 5) - 0x400);
		play_damage(0);
		play_folder(*folder);
		break;
	case PST_ITEMS:
		for (int i = 0; i < N_ITEMS; i++)
			if (NID(*folder, i) > nid)
				play_item(NID(*folder, i), len_of(i));
		maybe(AT_ITEMS_END);
		put_empty(PST_ITEMS_END);
		break;
	case PST_FETCH:
		maybe(AT_FETCH);
		play_item(nid, len_of((int)((nid >> 5) - 1) % N_ITEMS));
		break;
	}
}

static int play(void)
{
	struct frame frame;
	int folder = -1;

	page = worker_page_attach(&worker_err);
	if (!page || frame_in_init(&in, WORKER_SOCKET, &worker_err) != 0)
		return 9;
	frame_out_init(&out, WORKER_SOCKET, 0);
	maybe(AT_HELLO);
	frame_begin(&out, PST_HELLO);
	frame_put_u32(&out, PST_PROTOCOL);
	frame_put_u32(&out, 0);
	frame_end(&out, &worker_err);
	for (;;) {
		if (frame_flush(&out, &worker_err) != 0 ||
		    frame_next(&in, -1, &frame, &worker_err) <= 0)
			return 0;
		play_command(&frame, &folder);
	}
}

/* ---- what comes out ---- */

static struct store_dir dir;
static char path[128];
static const struct pst_patience impatient = { 150, 1500 };

static void set_up(void)
{
	memset(&fault, 0, sizeof(fault));
	store_dir_make(&dir);
	store_dir_write(&dir, "x.pst", "!BDN");
	snprintf(path, sizeof(path), "%s/x.pst", dir.path);
	snprintf(fault.mark, sizeof(fault.mark), "%s/mark", dir.path);
}

static void tear_down(void)
{
	store_dir_remove(&dir);
}

TestSuite(pst_source, .init = set_up, .fini = tear_down, .timeout = 120);

/* With `once` only the first worker that comes there misbehaves. */
static void set_fault(enum where where, enum how how, bool once)
{
	fault.where = where;
	fault.how = how;
	fault.once = once;
	if (once)
		store_dir_write(&dir, "mark", "x");
}

struct outcome {
	unsigned folders, messages, failed, damages;
	bool wrong_data, wrong_order, culprit_came, culprit_named;
	enum err_code code; /* of what ended it, or ERR_NONE */
	enum err_scope scope;
	char text[ERR_TEXT_MAX];
};

static void check_data(const struct message *m, int f, int i, struct outcome *o)
{
	char want = (char)('a' + (int)(NID(f, i) >> 5) % 26);

	if (m->body.len != len_of(i))
		o->wrong_data = true;
	for (uint64_t off = 0; off < m->body.len; off += 50) {
		struct err err = ERR_INIT;
		char got = 0;

		if (m->body.bytes)
			got = m->body.bytes[off];
		else
			fd_pread(m->body.fd, &got, 1, off, &err);
		if (got != want)
			o->wrong_data = true;
	}
	if (m->arrival.from_line != 1000000000 + (int64_t)NID(f, i) || !m->rebuilt ||
	    m->flags.system != FLAG_SEEN || m->flags.n_keywords != 1)
		o->wrong_data = true;
}

static void read_folder(struct source *s, int f, struct arena *a, struct outcome *o)
{
	int last = -1;

	for (;;) {
		struct message m;
		struct err err = ERR_INIT;
		unsigned nid = 0;
		int got, i;

		arena_reset(a);
		got = source_next_message(s, a, &m, &err);
		if (got == 0)
			return;
		if (got < 0 && err.scope != SCOPE_MESSAGE) {
			o->code = err.code;
			o->scope = err.scope;
			memcpy(o->text, err.text, sizeof(o->text));
			return;
		}
		if (got < 0) {
			char name[32];

			snprintf(name, sizeof(name), "item 0x%x:", (unsigned)CULPRIT);
			o->culprit_named |= strstr(err.text, name) != NULL;
			memcpy(o->text, err.text, sizeof(o->text));
			o->failed++;
			continue;
		}
		o->messages++;
		cr_assert_eq(sscanf(m.locator, "30313233343536373839616263646566:%x:", &nid), 1);
		o->culprit_came |= nid == CULPRIT;
		i = (int)(nid >> 5) - 1 - f * N_ITEMS;
		o->wrong_order |= i <= last || i >= N_ITEMS;
		last = i;
		check_data(&m, f, i, o);
	}
}

static struct outcome read_all(struct source *s)
{
	struct arena a = ARENA_INIT(1 << 20), folder_arena = ARENA_INIT(1 << 20);
	struct source_folder folder;
	struct outcome o = { 0 };
	struct err err = ERR_INIT;
	struct notice notice;
	int got;

	while ((got = source_next_folder(s, &folder_arena, &folder, &err)) > 0 && o.folders < 9)
		read_folder(s, (int)o.folders++, &a, &o);
	if (got < 0) {
		o.code = err.code;
		o.scope = err.scope;
		memcpy(o.text, err.text, sizeof(o.text));
	}
	while (source_next_notice(s, &a, &notice) > 0)
		o.damages += notice.kind == NOTICE_INTEGRITY ? (unsigned)notice.count : 0;
	arena_release(&a);
	arena_release(&folder_arena);
	return o;
}

static struct source *open_played(struct err *err)
{
	static const struct source_options options;
	struct source *s = NULL;

	if (source_pst_open(path, &options, play, &impatient, &s, err) != 0)
		return NULL;
	return s;
}

static const char *const how_names[N_HOW] = {
	"SIGSEGV",	 "SIGKILL",   "exit 1",		"exit 0",	   "garbage",
	"half a frame",	 "hangs",     "END twice",	"NID goes back",   "wrong length",
	"unknown frame", "bad field", "AGAIN for ever", "DAMAGE for ever", "empty DATA for ever",
};

Test(pst_source, all_is_well)
{
	struct err err = ERR_INIT;
	struct source *s = open_played(&err);
	struct outcome o;

	cr_assert_not_null(s, "%s", err.text);
	o = read_all(s);
	cr_expect_eq(o.folders, N_FOLDERS);
	cr_expect_eq(o.messages, N_FOLDERS * N_ITEMS);
	cr_expect_eq(o.failed, 0);
	cr_expect_eq(o.damages, 1);
	cr_expect_not(o.wrong_data || o.wrong_order);
	cr_expect_eq(o.code, ERR_NONE, "%s", o.text);
	source_close(s);
}

/* Always at the same message: it is told as failed, all others come. */
Test(pst_source, one_message_kills_every_worker)
{
	static const enum where places[] = { AT_ITEM, IN_ITEM, AT_END };

	for (size_t p = 0; p < 3; p++)
		for (enum how how = 0; how < N_HOW; how++) {
			struct err err = ERR_INIT;
			struct source *s;
			struct outcome o;

			set_fault(places[p], how, false);
			s = open_played(&err);
			cr_assert_not_null(s, "%s", err.text);
			o = read_all(s);
			cr_expect(o.messages == N_FOLDERS * N_ITEMS - 1 && o.failed == 1 &&
					  o.culprit_named && !o.culprit_came &&
					  o.code == ERR_NONE && o.folders == N_FOLDERS,
				  "%s at %zu: %u messages, %u failed: %s", how_names[how], p,
				  o.messages, o.failed, o.text);
			cr_expect_not(o.wrong_data || o.wrong_order, "%s at %zu", how_names[how],
				      p);
			cr_expect_eq(o.damages, 0, "%s at %zu", how_names[how], p);
			source_close(s);
		}
}

/* An accident, somebody's kill: nothing is lost, nothing comes twice. */
Test(pst_source, a_death_that_does_not_repeat)
{
	for (enum where where = AT_HELLO; where <= AT_FOLDERS_END; where++)
		for (enum how how = 0; how < N_HOW; how++) {
			struct err err = ERR_INIT;
			struct source *s;
			struct outcome o;

			if (where <= AT_OPEN && how == HANGS)
				continue; /* tested below: it takes long */
			set_fault(where, how, true);
			s = open_played(&err);
			cr_assert_not_null(s, "%s at %d: %s", how_names[how], (int)where, err.text);
			o = read_all(s);
			cr_expect(o.messages == N_FOLDERS * N_ITEMS && o.failed == 0 &&
					  o.code == ERR_NONE && o.folders == N_FOLDERS,
				  "%s at %d: %u messages, %u failed: %s", how_names[how],
				  (int)where, o.messages, o.failed, o.text);
			cr_expect_not(o.wrong_data || o.wrong_order, "%s at %d", how_names[how],
				      (int)where);
			cr_expect_eq(o.damages, 1, "%s at %d: %u", how_names[how], (int)where,
				     o.damages);
			source_close(s);
		}
}

/* The page does not tell who did it: the folder is given up, with an error; the others come. */
Test(pst_source, a_culprit_that_is_not_known)
{
	struct err err = ERR_INIT;
	struct source *s;
	struct outcome o;

	fault.anonymous = true;
	set_fault(AT_ITEM, SEGV, false);
	s = open_played(&err);
	cr_assert_not_null(s, "%s", err.text);
	o = read_all(s);
	cr_expect_eq(o.folders, N_FOLDERS);
	cr_expect_eq(o.messages, N_FOLDERS * N_ITEMS - (N_ITEMS - 2));
	cr_expect_eq(o.scope, SCOPE_FOLDER, "%s", o.text);
	cr_expect_not_null(strstr(o.text, "killed by signal 11"), "%s", o.text);
	source_close(s);
}

Test(pst_source, every_worker_dies_of_it)
{
	static const struct {
		const char *name;
		enum where where;
		bool opens;
		unsigned messages;
		enum err_scope scope;
	} rows[] = {
		{ "before its first word", AT_HELLO, false, 0, SCOPE_SOURCE },
		{ "of the index", AT_OPEN, false, 0, SCOPE_SOURCE },
		{ "of a folder", AT_FOLDER, true, N_ITEMS, SCOPE_SOURCE },
		{ "behind the last item", AT_ITEMS_END, true, N_FOLDERS * N_ITEMS, SCOPE_FOLDER },
		{ "at the end", AT_FOLDERS_END, true, N_FOLDERS * N_ITEMS, SCOPE_SOURCE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		struct source *s;
		struct outcome o;

		set_fault(rows[i].where, SEGV, false);
		s = open_played(&err);
		cr_expect_eq(s != NULL, rows[i].opens, "%s", rows[i].name);
		if (!s) {
			cr_expect_not_null(strstr(err.text, "scanpst"), "%s", err.text);
			cr_expect_eq(err.scope, SCOPE_SOURCE, "%s", rows[i].name);
			continue;
		}
		o = read_all(s);
		cr_expect_eq(o.messages, rows[i].messages, "%s: %u", rows[i].name, o.messages);
		cr_expect_eq(o.code, ERR_FORMAT, "%s: %s", rows[i].name, o.text);
		cr_expect_eq(o.scope, rows[i].scope, "%s: %s", rows[i].name, o.text);
		source_close(s);
	}
}

Test(pst_source, hangs_while_opening)
{
	struct err err = ERR_INIT;

	set_fault(AT_OPEN, HANGS, false);
	cr_expect_null(open_played(&err));
	cr_expect_not_null(strstr(err.text, "no progress"), "%s", err.text);
}

/* ---- finding again ---- */

static void find_one(struct source *s, const char *locator, bool want, enum err_code code,
		     const char *name)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct message m = { 0 };
	struct err err = ERR_INIT;
	int got = source_find(s, locator, &a, &m, &err);

	cr_expect_eq(got == 0, want, "%s: %s", name, err.text);
	if (got == 0) {
		char first[3] = "";

		cr_expect_geq(m.body.fd, 0, "%s", name);
		cr_expect_eq(fd_pread(m.body.fd, first, 2, 0, &err), 2, "%s", name);
		cr_expect_eq(first[0], 'a' + 8, "%s: %s", name, first);
		cr_expect_lt(write(m.body.fd, "x", 1), 0, "%s: it is not sealed", name);
	} else {
		cr_expect_eq(err.code, code, "%s: %s", name, err.text);
		cr_expect_eq(err.scope, SCOPE_MESSAGE, "%s", name);
	}
	arena_release(&a);
}

#define UID "30313233343536373839616263646566"
#define KEY "3132333435363738"

Test(pst_source, find)
{
	static const struct {
		const char *name, *locator;
		bool want;
		enum err_code code;
	} rows[] = {
		{ "whole", UID ":104:" KEY, true, ERR_NONE },
		{ "one's own", UID ":104:" KEY ":o", true, ERR_NONE },
		{ "another key", UID ":104:3132333435363739", false, ERR_CHANGED },
		{ "and again", UID ":104:" KEY, true, ERR_NONE },
		{ "another store", "00313233343536373839616263646566:104:" KEY, false,
		  ERR_CHANGED },
		{ "no number", UID ":0:" KEY, false, ERR_FORMAT },
		{ "too large", UID ":100000000:" KEY, false, ERR_FORMAT },
		{ "cut", UID ":104", false, ERR_FORMAT },
		{ "something behind", UID ":104:" KEY ":ox", false, ERR_FORMAT },
		{ "not hexadecimal", UID ":104:31323334353637zz", false, ERR_FORMAT },
		{ "of another kind", "cur/123@99+0:l0", false, ERR_FORMAT },
		{ "empty", "", false, ERR_FORMAT },
	};
	struct err err = ERR_INIT;
	struct source *s = open_played(&err);

	cr_assert_not_null(s, "%s", err.text);
	cr_assert_eq(NID(1, 2), 0x104);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		find_one(s, rows[i].locator, rows[i].want, rows[i].code, rows[i].name);
	source_close(s);
}

Test(pst_source, find_does_not_disturb_the_iteration)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct source_folder folder;
	struct err err = ERR_INIT;
	struct source *s = open_played(&err);
	struct message m;

	cr_assert_not_null(s, "%s", err.text);
	cr_assert_eq(source_next_folder(s, &a, &folder, &err), 1);
	for (int i = 0; i < N_ITEMS; i++) {
		cr_expect_eq(source_next_message(s, &a, &m, &err), 1, "%s", err.text);
		find_one(s, UID ":104:" KEY, true, ERR_NONE, "in between");
	}
	cr_expect_eq(source_next_message(s, &a, &m, &err), 0);
	source_close(s);
	arena_release(&a);
}

Test(pst_source, find_survives)
{
	for (int once = 0; once < 2; once++)
		for (enum how how = 0; how < N_HOW; how++) {
			struct err err = ERR_INIT;
			struct source *s = open_played(&err);

			if (how == NID_BACK)
				how++; /* an item that is no mail any more: possible */
			cr_assert_not_null(s, "%s", err.text);
			set_fault(how % 2 ? IN_ITEM : AT_FETCH, how, once);
			find_one(s, UID ":104:" KEY, once, ERR_FORMAT, how_names[how]);
			source_close(s);
		}
}

/* ---- nonsense ---- */

/* Frames of all types in any order with any values, most of them well-formed: the parent comes to
 * an end, whatever it hears. */
static uint32_t nonsense_seed;

static uint32_t any(uint32_t below)
{
	nonsense_seed = nonsense_seed * 1664525 + 1013904223;
	return (nonsense_seed >> 8) % below;
}

static void put_any_text(void)
{
	static const char *const texts[] = { "", "IPM.Note", "Posteingang", "12345678", "\xff" };

	frame_put_bytes(&out, slice_str(texts[any(60) == 0 ? 4 : any(4)]));
}

static void put_any_item(enum pst_frame type)
{
	frame_put_u32(&out, any(10) * 32 + 4);
	if (type != PST_FAILED)
		frame_put_u32(&out, any(12));
	put_any_text();
	if (type == PST_FAILED)
		put_any_text();
	if (type == PST_FAILED)
		put_any_text();
}

static void put_any_frame(void)
{
	enum pst_frame type = (enum pst_frame)(PST_HELLO + any(PST_ALIVE - PST_HELLO + 2));
	uint32_t nid = any(10) * 32 + 4;

	switch (type) {
	case PST_FOLDER:
		play_folder((int)any(N_FOLDERS));
		return;
	case PST_BEGIN:
		play_begin(nid);
		return;
	case PST_DATA:
		play_data(nid, 500);
		return;
	case PST_DAMAGE:
		play_damage(nid);
		return;
	default:
		break;
	}
	frame_begin(&out, (uint8_t)type);
	if (type == PST_FAILED || type == PST_OTHER || type == PST_EXPORT)
		put_any_item(type);
	else if (type == PST_END)
		frame_put_u64(&out, any(2) ? 500 : any(3) * 500);
	else if (type == PST_ERROR)
		frame_put_u64(&out, any(40) | (uint64_t)any(8) << 32);
	else if (type == PST_ALIVE)
		frame_put_u32(&out, any(100));
	if (type == PST_END)
		frame_put_u32(&out, any(4));
	if (type == PST_ERROR)
		put_any_text();
	frame_end(&out, &worker_err);
}

static int play_nonsense(void)
{
	struct frame frame;
	int folder = -1;

	page = worker_page_attach(&worker_err);
	if (!page || frame_in_init(&in, WORKER_SOCKET, &worker_err) != 0)
		return 9;
	frame_out_init(&out, WORKER_SOCKET, 0);
	nonsense_seed += (uint32_t)getpid(); /* each worker says something else */
	frame_begin(&out, PST_HELLO);
	frame_put_u32(&out, PST_PROTOCOL);
	frame_put_u32(&out, 0);
	frame_end(&out, &worker_err);
	while (frame_flush(&out, &worker_err) == 0 &&
	       frame_next(&in, -1, &frame, &worker_err) > 0) {
		page->stage = any(PST_STAGE_IDLE + 1);
		page->item = any(3) ? any(10) * 32 + 4 : 0;
		if (frame.type == PST_OPEN || any(3) == 0)
			play_command(&frame, &folder);
		for (uint32_t n = any(8); n > 0; n--)
			put_any_frame();
		if (any(20) == 0)
			return 1;
	}
	return 0;
}

Test(pst_source, nonsense)
{
	static const struct source_options options;
	static const struct pst_patience hasty = { 30, 300 };

	for (uint32_t seed = 0; seed < 40; seed++) {
		struct arena a = ARENA_INIT(1 << 20);
		struct source_folder folder;
		struct err err = ERR_INIT;
		struct source *s;
		struct message m;

		nonsense_seed = seed;
		if (source_pst_open(path, &options, play_nonsense, &hasty, &s, &err) != 0)
			continue;
		for (int n = 0; n < 20 && source_next_folder(s, &a, &folder, &err) > 0; n++)
			for (int i = 0; i < 20; i++) {
				int got = source_next_message(s, &a, &m, &err);

				if (got == 0 || (got < 0 && err.scope != SCOPE_MESSAGE))
					break;
			}
		(void)source_find(s, UID ":104:" KEY, &a, &m, &err);
		source_close(s);
		arena_release(&a);
	}
}

/* ---- what else the parent decides ---- */

Test(pst_source, unread_folders_are_passed_over)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct source_folder folder;
	struct err err = ERR_INIT;
	struct source *s = open_played(&err);
	struct message m;

	cr_assert_not_null(s, "%s", err.text);
	cr_expect_eq(source_next_folder(s, &a, &folder, &err), 1, "%s", err.text);
	cr_expect_eq(source_next_message(s, &a, &m, &err), 1); /* and no more of it */
	cr_expect_eq(source_next_folder(s, &a, &folder, &err), 1);
	cr_expect_eq(folder.path.n, 2);
	cr_expect_str_eq(folder.path.names[1], "Work");
	cr_expect_eq(source_next_folder(s, &a, &folder, &err), 1);
	cr_expect_str_eq(folder.path.names[1], "Sent");
	cr_expect_eq(folder.role, ROLE_SENT);
	cr_expect_eq(source_next_message(s, &a, &m, &err), 1);
	cr_expect_not_null(strstr(m.locator, ":o"), "%s", m.locator);
	cr_expect_eq(source_next_folder(s, &a, &folder, &err), 0);
	source_close(s);
	arena_release(&a);
}

Test(pst_source, probe)
{
	store_dir_write(&dir, "empty.pst", "");
	store_dir_write(&dir, "text", "!BDM something else");
	cr_expect_eq(source_kinds[5]->probe(path), 100);
	snprintf(path, sizeof(path), "%s/empty.pst", dir.path);
	cr_expect_eq(source_kinds[5]->probe(path), 0);
	snprintf(path, sizeof(path), "%s/text", dir.path);
	cr_expect_eq(source_kinds[5]->probe(path), 0);
	cr_expect_eq(source_kinds[5]->probe(dir.path), 0);
}
