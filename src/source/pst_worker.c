/*
 * The worker half of the PST source: reads the store, composes its mail and sends
 * both as frames (pst_wire.h). It runs with nothing but a socket, a page of shared
 * memory and the store's descriptor, and locks itself down before it reads the
 * first octet; what it sends, the parent checks. So here it is enough to be correct:
 * whatever a hostile file does to this process costs one message.
 *
 * X.500 addresses without a mail address are looked up in a map that is learned
 * from all recipients of the store. That is a pass of its own over the whole store,
 * so it is made only when the first message needs it: that message is then composed
 * again. All others would have come out the same with the map.
 */
#include "source/pst_worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "mapi/codepage.h"
#include "message/fidelity.h"
#include "mime/compose.h"
#include "mime/export.h"
#include "mime/state.h"
#include "pst/pst.h"
#include "source/pst_wire.h"
#include "worker/frame.h"
#include "worker/sandbox.h"
#include "worker/spawn.h"

#define MEMORY_MAX	  (UINT64_C(3) << 30) /* an index of 50 GB of mail takes 1 GiB */
#define CPU_SECONDS_MAX	  (24 * 3600)
#define FILES_MAX	  16
#define FOLDER_ARENA_MAX  ((size_t)1 << 20)
#define ITEM_ARENA_MAX	  ((size_t)64 << 20) /* texts of one item */
#define SCRATCH_ARENA_MAX ((size_t)64 << 20) /* of one composition */
#define SKIPS_MAX	  4096
#define ALIVE_EVERY	  1000 /* items, while learning */

#define EXIT_NOT_OURS	64
#define EXIT_NOT_LOCKED 71

/* Places where an earlier worker died. */
struct skip {
	uint32_t stage, nid;
};

struct pst_worker {
	struct worker_page *page;
	struct frame_in in;
	struct frame_out out;
	struct codepages *codepages;
	struct address_map *addresses;
	struct buf map_text;
	struct skip *skips;
	size_t n_skips;
	uint32_t wishes;
	bool learned;
	struct pst *store;
	struct arena folder_arena, item_arena, scratch, damage_arena;
	uint64_t sent; /* octets of the message that is being composed */
};

static void at(struct pst_worker *w, enum pst_stage stage, uint32_t item)
{
	w->page->stage = stage;
	w->page->item = item;
}

static bool is_skipped(const struct pst_worker *w, enum pst_stage stage, uint32_t nid)
{
	for (size_t i = 0; i < w->n_skips; i++)
		if (w->skips[i].stage == (uint32_t)stage && w->skips[i].nid == nid)
			return true;
	return false;
}

/* ---- small frames ---- */

/* At most `max` octets, cut at a whole character. */
static void put_text(struct pst_worker *w, const char *text, size_t max)
{
	struct slice s = slice_str(text);

	if (s.len > max)
		for (s.len = max; s.len > 0 && ((uint8_t)s.ptr[s.len] & 0xc0) == 0x80;)
			s.len--;
	frame_put_bytes(&w->out, s);
}

static int send_empty(struct pst_worker *w, enum pst_frame type, struct err *err)
{
	frame_begin(&w->out, (uint8_t)type);
	return frame_end(&w->out, err);
}

static int send_error(struct pst_worker *w, const struct err *cause, struct err *err)
{
	frame_begin(&w->out, PST_ERROR);
	frame_put_u32(&w->out, (uint32_t)cause->code);
	frame_put_u32(&w->out, (uint32_t)cause->scope);
	put_text(w, cause->text, PST_TEXT_MAX);
	return frame_end(&w->out, err);
}

/* What the reader has noticed since it was last asked; not told twice. */
static int send_damage(struct pst_worker *w, bool tell, struct err *err)
{
	struct pst_damage damage;

	for (;;) {
		arena_reset(&w->damage_arena);
		if (pst_next_damage(w->store, &w->damage_arena, &damage) <= 0)
			return 0;
		if (!tell)
			continue;
		frame_begin(&w->out, PST_DAMAGE);
		frame_put_u32(&w->out, damage.nid);
		frame_put_u64(&w->out, damage.lost);
		put_text(w, damage.text, PST_TEXT_MAX);
		if (frame_end(&w->out, err) != 0)
			return -1;
	}
}

static int send_failed(struct pst_worker *w, uint32_t nid, const struct mapi_item *item,
		       const char *reason, struct err *err)
{
	frame_begin(&w->out, PST_FAILED);
	frame_put_u32(&w->out, nid);
	put_text(w, item ? item->message_class : "", PST_CLASS_MAX);
	put_text(w, item && item->subject ? item->subject : "", PST_SUBJECT_MAX);
	put_text(w, reason, PST_TEXT_MAX);
	return frame_end(&w->out, err);
}

/* ---- learning addresses ---- */

static int learn_person(struct pst_worker *w, const struct mapi_person *person, struct err *err)
{
	const char *found;

	if (!person->address || address_map_find(w->addresses, person->address))
		return 0;
	address_map_learn(w->addresses, person);
	found = address_map_find(w->addresses, person->address);
	if (!found || strlen(person->address) > PST_ADDRESS_MAX || strlen(found) > PST_ADDRESS_MAX)
		return 0;
	frame_begin(&w->out, PST_PAIR);
	frame_put_bytes(&w->out, slice_str(person->address));
	frame_put_bytes(&w->out, slice_str(found));
	return frame_end(&w->out, err);
}

/* What cannot be read teaches nothing; it is told where it is delivered. */
static int learn_item(struct pst_worker *w, uint32_t nid, struct err *err)
{
	struct err ignored = ERR_INIT;
	struct mapi_person person;
	struct mapi_item item;

	arena_reset(&w->item_arena);
	if (pst_item_people(w->store, nid, &w->item_arena, &item, &ignored) != 0)
		return 0;
	if (learn_person(w, &item.sender, err) != 0 || learn_person(w, &item.from, err) != 0 ||
	    learn_person(w, &item.received_by, err) != 0)
		return -1;
	for (size_t row = 0;; row++) {
		arena_reset(&w->scratch);
		if (item.ops->recipient(&item, row, &w->scratch, &person, &ignored) <= 0)
			return 0;
		if (learn_person(w, &person, err) != 0)
			return -1;
	}
}

static int learn_all(struct pst_worker *w, struct err *err)
{
	uint32_t nid = 0;

	if (send_damage(w, true, err) != 0)
		return -1;
	for (size_t n = 1; pst_next_message_nid(w->store, nid, &nid); n++) {
		at(w, PST_STAGE_LEARN, nid);
		if (!is_skipped(w, PST_STAGE_LEARN, nid) && learn_item(w, nid, err) != 0)
			return -1;
		if (n % ALIVE_EVERY == 0) {
			frame_begin(&w->out, PST_ALIVE);
			frame_put_u32(&w->out, nid);
			if (frame_end(&w->out, err) != 0 || frame_flush(&w->out, err) != 0)
				return -1;
		}
	}
	w->learned = true;
	return send_damage(w, false, err);
}

/* ---- one message ---- */

static int close_data(struct pst_worker *w, struct err *err)
{
	return w->out.open ? frame_end(&w->out, err) : 0;
}

/* A struct compose_sink: DATA frames as full as possible. */
static int sink_write(void *to, const void *bytes, size_t len, struct err *err)
{
	struct pst_worker *w = to;
	const char *p = bytes;

	w->sent += len;
	if (w->sent > PST_MESSAGE_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "is larger than any server takes");
	while (len > 0) {
		size_t piece;

		if (!w->out.open)
			frame_begin(&w->out, PST_DATA);
		piece = PST_DATA_MAX - frame_len(&w->out);
		if (piece > len)
			piece = len;
		frame_put_raw(&w->out, p, piece);
		p += piece;
		len -= piece;
		if (frame_len(&w->out) == PST_DATA_MAX && frame_end(&w->out, err) != 0)
			return -1;
	}
	w->page->ticks++;
	return 0;
}

static int send_begin(struct pst_worker *w, const struct mapi_item *item, enum role role,
		      struct err *err)
{
	struct slice class = slice_str(item->message_class);
	struct arrival arrival;
	struct flag_set flags;
	bool dropped;

	arena_reset(&w->scratch);
	item_flags(item, role, &w->scratch, &flags, &dropped);
	item_arrival(item, &arrival);
	frame_begin(&w->out, PST_BEGIN);
	frame_put_u32(&w->out, item->nid);
	frame_put_bytes(&w->out, slice_head(item->search_key, PST_KEY_LEN));
	put_text(w, item->message_class, PST_CLASS_MAX);
	frame_put_u8(&w->out, arrival.trusted);
	frame_put_u64(&w->out, (uint64_t)arrival.from_line);
	frame_put_u64(&w->out, (uint64_t)arrival.mtime);
	frame_put_u8(&w->out, item_state(item) == STATE_PARTIAL);
	frame_put_u8(&w->out, slice_istarts(class, SLICE_LIT("IPM.Post.Rss")));
	frame_put_u32(&w->out, flags.system);
	frame_put_u8(&w->out, dropped);
	frame_put_u32(&w->out, (uint32_t)flags.n_keywords);
	for (size_t i = 0; i < flags.n_keywords; i++)
		put_text(w, flags.keywords[i], PST_KEYWORD_MAX);
	return frame_end(&w->out, err);
}

static int send_end(struct pst_worker *w, uint32_t fidelity, struct err *err)
{
	frame_begin(&w->out, PST_END);
	frame_put_u64(&w->out, w->sent);
	frame_put_u32(&w->out, fidelity);
	return frame_end(&w->out, err);
}

/* Folders of mail that the owner of the mailbox wrote. */
static bool is_ours(enum role role)
{
	return role == ROLE_SENT || role == ROLE_DRAFTS || role == ROLE_OUTBOX;
}

/* compose_message(), or export_item(). */
typedef int composer(const struct mapi_item *item, const struct compose_options *options,
		     const struct compose_sink *sink, struct arena *scratch,
		     struct compose_result *out, struct err *err);

/* Make it into DATA frames: 1 and its fidelity, 0 (nothing can be made of it: *why tells), -1. */
static int compose(struct pst_worker *w, const struct mapi_item *item, composer *make,
		   enum role role, uint32_t *fidelity, struct err *why, struct err *err)
{
	const struct compose_options options = {
		.addresses = w->addresses,
		.ours = is_ours(role),
		.codepages = w->codepages,
	};
	const struct compose_sink sink = { sink_write, w };
	struct compose_result result = { 0 };
	int failed;

	w->sent = 0;
	arena_reset(&w->scratch);
	failed = make(item, &options, &sink, &w->scratch, &result, why);
	if (close_data(w, err) != 0)
		return -1;
	/* The arenas are as good as new for the next one. */
	if (failed && why->code == ERR_NOMEM)
		err_set(why, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			"takes more memory than a message may");
	if (failed && why->scope != SCOPE_MESSAGE) {
		*err = *why;
		return -1;
	}
	*fidelity = result.fidelity;
	return failed ? 0 : 1;
}

static int open_item(struct pst_worker *w, uint32_t nid, struct mapi_item *item, struct err *why)
{
	at(w, PST_STAGE_ITEM, nid);
	arena_reset(&w->item_arena);
	return pst_item_open(w->store, nid, &w->item_arena, item, why);
}

/* An address could not be resolved: learn, and begin once more. */
static int compose_again(struct pst_worker *w, struct mapi_item *item, enum role role,
			 uint32_t *fidelity, struct err *why, struct err *err)
{
	uint32_t nid = item->nid;

	if (learn_all(w, err) != 0)
		return -1;
	if (open_item(w, nid, item, why) != 0)
		return 0;
	if (send_empty(w, PST_AGAIN, err) != 0)
		return -1;
	return compose(w, item, compose_message, role, fidelity, why, err);
}

static int send_message(struct pst_worker *w, struct mapi_item *item, enum role role,
			struct err *err)
{
	struct err why = ERR_INIT;
	uint32_t fidelity = 0;
	int got;

	if (send_begin(w, item, role, err) != 0)
		return -1;
	got = compose(w, item, compose_message, role, &fidelity, &why, err);
	if (got > 0 && (fidelity & FIDELITY_ADDRESS_UNRESOLVED) && !w->learned)
		got = compose_again(w, item, role, &fidelity, &why, err);
	if (got < 0 || send_damage(w, true, err) != 0)
		return -1;
	if (got == 0)
		return send_failed(w, item->nid, item, why.text, err);
	return send_end(w, fidelity, err);
}

/* ---- one item ---- */

/* Contacts and appointments as files, where they are wanted. */
static int send_export(struct pst_worker *w, const struct mapi_item *item, enum item_kind kind,
		       struct err *err)
{
	struct err why = ERR_INIT;
	uint32_t fidelity = 0;
	int got;

	if (!(w->wishes & PST_WISH_EXPORT) || !export_extension(kind))
		return 0;
	frame_begin(&w->out, PST_EXPORT);
	frame_put_u32(&w->out, item->nid);
	frame_put_u32(&w->out, kind);
	put_text(w, item->subject ? item->subject : "", PST_SUBJECT_MAX);
	if (frame_end(&w->out, err) != 0)
		return -1;
	got = compose(w, item, export_item, ROLE_NONE, &fidelity, &why, err);
	if (got < 0)
		return -1;
	return got > 0 ? send_end(w, fidelity, err)
		       : send_failed(w, item->nid, item, why.text, err);
}

static int send_other(struct pst_worker *w, const struct mapi_item *item, enum item_kind kind,
		      struct err *err)
{
	if (send_export(w, item, kind, err) != 0 || send_damage(w, true, err) != 0)
		return -1;
	frame_begin(&w->out, PST_OTHER);
	frame_put_u32(&w->out, item->nid);
	frame_put_u32(&w->out, kind);
	put_text(w, item->message_class, PST_CLASS_MAX);
	return frame_end(&w->out, err);
}

/* What is told of one item, whatever it is. Where an earlier worker died the parent knows why. */
static int answer(struct pst_worker *w, uint32_t nid, enum role role, struct err *err)
{
	struct err why = ERR_INIT;
	struct mapi_item item;
	enum item_kind kind;

	if (is_skipped(w, PST_STAGE_ITEM, nid))
		return send_failed(w, nid, NULL, "", err);
	if (open_item(w, nid, &item, &why) != 0) {
		if (send_damage(w, true, err) != 0)
			return -1;
		return send_failed(w, nid, NULL, why.text, err);
	}
	kind = item_kind(item.message_class);
	if (kind != ITEM_MAIL)
		return send_other(w, &item, kind, err);
	return send_message(w, &item, role, err);
}

static int all_items(struct pst_worker *w, uint32_t after, enum role role, struct err *err)
{
	struct err why = ERR_INIT;
	int got;

	while ((got = pst_next_item_nid(w->store, after, &after, &why)) > 0)
		if (answer(w, after, role, err) != 0)
			return -1;
	at(w, PST_STAGE_FOLDER, 0);
	if (send_damage(w, true, err) != 0)
		return -1;
	return got < 0 ? send_error(w, &why, err) : send_empty(w, PST_ITEMS_END, err);
}

/* ---- folders ---- */

/* Without a class, and with one that nobody knows, it is for mail. */
static bool is_for_mail(const struct pst_folder *folder)
{
	struct slice class = slice_str(folder->container_class);

	return !slice_istarts(class, SLICE_LIT("IPF.")) ||
	       slice_istarts(class, SLICE_LIT("IPF.Note")) ||
	       slice_istarts(class, SLICE_LIT("IPF.Imap"));
}

static enum role role_of(const struct pst_folder *folder)
{
	if (folder->role == ROLE_NONE && slice_istarts(slice_str(folder->container_class),
						       SLICE_LIT("IPF.Note.OutlookHomepage")))
		return ROLE_FEEDS;
	return folder->role;
}

static int send_folder(struct pst_worker *w, const struct pst_folder *folder, struct err *err)
{
	enum pst_folder_kind kind = PST_FOLDER_MAIL;

	if (folder->orphans)
		kind = PST_FOLDER_ORPHANS;
	else if (folder->hidden || folder->outside || !is_for_mail(folder))
		kind = PST_FOLDER_OTHER;
	frame_begin(&w->out, PST_FOLDER);
	frame_put_u32(&w->out, folder->nid);
	frame_put_u32(&w->out, role_of(folder));
	frame_put_u8(&w->out, (uint8_t)kind);
	frame_put_u64(&w->out, folder->node_count);
	frame_put_u64(&w->out, folder->stamp);
	frame_put_u32(&w->out, (uint32_t)folder->depth);
	for (size_t i = 0; i < folder->depth; i++)
		put_text(w, folder->path[i], PST_NAME_MAX);
	return frame_end(&w->out, err);
}

/* `wanted` 0: the next one. What is noticed on the way to a wanted one was told by the worker
 * before. */
static int next_folder(struct pst_worker *w, uint32_t wanted, struct err *err)
{
	struct pst_folder folder = { 0 };
	struct err why = ERR_INIT;
	int got;

	do {
		at(w, PST_STAGE_FOLDER, folder.nid);
		arena_reset(&w->folder_arena);
		got = pst_next_folder(w->store, &w->folder_arena, &folder, &why);
		if (send_damage(w, wanted == 0, err) != 0)
			return -1;
	} while (wanted &&
		 ((got > 0 && folder.nid != wanted) || (got < 0 && why.scope == SCOPE_FOLDER)));
	if (got < 0)
		return send_error(w, &why, err);
	return got > 0 ? send_folder(w, &folder, err) : send_empty(w, PST_FOLDERS_END, err);
}

/* ---- opening ---- */

static int send_store(struct pst_worker *w, struct err *err)
{
	struct pst_facts facts;

	pst_store_facts(w->store, &facts);
	frame_begin(&w->out, PST_STORE);
	frame_put_bytes(&w->out, slice_of(facts.uid, PST_UID_LEN));
	frame_put_u32(&w->out, facts.format);
	frame_put_u8(&w->out, facts.password_set);
	frame_put_u8(&w->out, facts.exchange_cache);
	if (frame_end(&w->out, err) != 0)
		return -1;
	return send_damage(w, true, err);
}

/* The user's lines come first: what is learned does not replace them. */
static int read_map(struct pst_worker *w, struct err *err)
{
	int failed = 0;

	if (w->map_text.len > 0)
		failed = address_map_read(w->addresses, buf_slice(&w->map_text), err);
	buf_release(&w->map_text);
	return failed;
}

static int open_store(struct pst_worker *w, uint32_t wishes, struct err *err)
{
	struct err why = ERR_INIT;

	at(w, PST_STAGE_OPEN, 0);
	w->wishes = wishes;
	w->learned = wishes & PST_WISH_LEARNED;
	if (read_map(w, &why) != 0 ||
	    pst_store_open(WORKER_INPUT, w->codepages, &w->store, &why) != 0)
		return send_error(w, &why, err);
	return send_store(w, err);
}

/* ---- commands ---- */

static int bad_command(struct err *err)
{
	return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "a command out of order");
}

static int add_skip(struct pst_worker *w, struct fields *f, struct err *err)
{
	if (w->n_skips == SKIPS_MAX)
		return bad_command(err);
	w->skips[w->n_skips].stage = field_u32(f);
	w->skips[w->n_skips++].nid = field_u32(f);
	return 0;
}

static int add_pair(struct pst_worker *w, struct fields *f, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT((size_t)4 * PST_ADDRESS_MAX);
	struct mapi_person person = { .addr_type = "EX" };

	if (read_map(w, err) != 0)
		return -1;
	person.address = field_text(f, PST_ADDRESS_MAX, &a);
	person.smtp = field_text(f, PST_ADDRESS_MAX, &a);
	address_map_learn(w->addresses, &person);
	return 0;
}

static int before_open(struct pst_worker *w, const struct frame *frame, struct err *err)
{
	struct fields f = fields_of(frame);

	switch (frame->type) {
	case PST_SKIP:
		return add_skip(w, &f, err);
	case PST_MAP:
		buf_add_slice(&w->map_text, frame->payload);
		return buf_ok(&w->map_text, "the address map", err);
	case PST_PAIR:
		return add_pair(w, &f, err);
	case PST_OPEN:
		return open_store(w, field_u32(&f), err);
	default:
		return bad_command(err);
	}
}

static enum role role_field(struct fields *f)
{
	uint32_t role = field_u32(f);

	return role < ROLE_COUNT ? (enum role)role : ROLE_NONE;
}

static int after_open(struct pst_worker *w, const struct frame *frame, struct err *err)
{
	struct fields f = fields_of(frame);
	uint32_t nid = frame->type == PST_NEXT_FOLDER ? 0 : field_u32(&f);

	switch (frame->type) {
	case PST_NEXT_FOLDER:
	case PST_SEEK_FOLDER:
		return next_folder(w, nid, err);
	case PST_ITEMS:
		return all_items(w, nid, role_field(&f), err);
	case PST_FETCH:
		return answer(w, nid, role_field(&f), err);
	default:
		return bad_command(err);
	}
}

static int serve(struct pst_worker *w, struct err *err)
{
	struct frame frame;
	int got;

	for (;;) {
		at(w, PST_STAGE_IDLE, 0);
		if (frame_flush(&w->out, err) != 0)
			return -1;
		got = frame_next(&w->in, -1, &frame, err);
		if (got <= 0)
			return got;
		got = w->store ? after_open(w, &frame, err) : before_open(w, &frame, err);
		if (got != 0)
			return -1;
	}
}

/* ---- the process ---- */

static int prepare(struct pst_worker *w, struct err *err)
{
	w->page = worker_page_attach(err);
	if (!w->page)
		return -1;
	prctl(PR_SET_NAME, "mailhoist-pst", 0, 0, 0);
	frame_out_init(&w->out, WORKER_SOCKET, 0);
	w->codepages = codepages_new();
	w->addresses = address_map_new();
	w->skips = calloc(SKIPS_MAX, sizeof(*w->skips));
	if (!w->codepages || !w->addresses || !w->skips)
		return err_nomem(err);
	codepages_load(w->codepages);
	tzset();
	return frame_in_init(&w->in, WORKER_SOCKET, err);
}

/* Before the first octet of the store is looked at. */
static int lock_down(struct pst_worker *w, struct err *err)
{
	const struct sandbox_limits limits = { MEMORY_MAX, CPU_SECONDS_MAX, FILES_MAX };
	struct sandbox_facts facts;
	struct err why = ERR_INIT;

	if (sandbox_enter(&limits, &facts, &why) != 0) {
		if (send_error(w, &why, err) == 0)
			(void)frame_flush(&w->out, err);
		*err = why;
		return -1;
	}
	frame_begin(&w->out, PST_HELLO);
	frame_put_u32(&w->out, PST_PROTOCOL);
	frame_put_u32(&w->out, (uint32_t)facts.landlock);
	return frame_end(&w->out, err);
}

static void release(struct pst_worker *w)
{
	if (w->store)
		pst_store_close(w->store);
	codepages_free(w->codepages);
	address_map_free(w->addresses);
	free(w->skips);
	buf_release(&w->map_text);
	frame_in_release(&w->in);
	frame_out_release(&w->out);
	arena_release(&w->folder_arena);
	arena_release(&w->item_arena);
	arena_release(&w->scratch);
	arena_release(&w->damage_arena);
}

int pst_worker_main(void)
{
	struct pst_worker w = {
		.map_text = BUF_INIT(PST_MAP_FILE_MAX),
		.folder_arena = ARENA_INIT(FOLDER_ARENA_MAX),
		.item_arena = ARENA_INIT(ITEM_ARENA_MAX),
		.scratch = ARENA_INIT(SCRATCH_ARENA_MAX),
		.damage_arena = ARENA_INIT(FOLDER_ARENA_MAX),
	};
	struct err err = ERR_INIT;
	int status = EXIT_SUCCESS;

	if (prepare(&w, &err) != 0)
		status = EXIT_NOT_OURS;
	else if (lock_down(&w, &err) != 0)
		status = EXIT_NOT_LOCKED;
	else if (serve(&w, &err) != 0)
		status = EXIT_FAILURE;
	release(&w);
	return status;
}
