/*
 * The messages composed from an Outlook store: pst_mime FILE. For each item a JSON
 * line (nid, folder, class, kind, fidelity, flags, octets) and then the octets of the
 * message. Everything is composed, whether it is mail or not.
 *   --mail: mail only.  --quiet: nothing but totals, for measuring.
 *   --export: contacts and appointments instead, as vCard and iCalendar.
 *   --map FILE: an address map.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "message/fidelity.h"
#include "mime/compose.h"
#include "mime/export.h"
#include "mime/state.h"
#include "pst/pst.h"

#define ITEM_MAX    (64u << 20)
#define SCRATCH_MAX (1u << 20)
#define MESSAGE_MAX (1u << 30)
#define MAP_MAX	    (16u << 20)

struct tool {
	struct pst *p;
	struct compose_options options;
	struct address_map *map;
	bool quiet, mail_only, export;
	struct buf message, line;
	struct arena item, scratch;
	uint64_t items, octets, failed;
};

static int keep(void *to, const void *bytes, size_t len, struct err *err)
{
	struct tool *t = to;

	t->octets += len;
	if (!t->quiet)
		buf_add(&t->message, bytes, len);
	return buf_ok(&t->message, "the message", err);
}

/* Every address that has an Exchange one beside it. */
static void learn(struct tool *t)
{
	struct pst_folder folder;
	struct err err = ERR_INIT;
	struct arena names = ARENA_INIT(ITEM_MAX);

	while (pst_next_folder(t->p, &names, &folder, &err) > 0) {
		for (uint32_t nid = 0; pst_next_item_nid(t->p, nid, &nid, &err) > 0;) {
			struct mapi_person person;
			struct mapi_item item;

			arena_reset(&t->item);
			if (pst_item_people(t->p, nid, &t->item, &item, &err) < 0)
				continue;
			address_map_learn(t->map, &item.sender);
			address_map_learn(t->map, &item.from);
			for (size_t row = 0;
			     item.ops->recipient(&item, row, &t->item, &person, &err) > 0; row++)
				address_map_learn(t->map, &person);
		}
		arena_reset(&names);
	}
	arena_release(&names);
}

static void put_flags(struct tool *t, struct json *j, const struct mapi_item *item, enum role role)
{
	struct flag_set set;
	bool dropped;

	item_flags(item, role, &t->item, &set, &dropped);
	json_put_open(j, "flags", '[');
	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1)
		if (set.system & bit)
			json_cstr(j, flag_name(bit));
	for (size_t i = 0; i < set.n_keywords; i++)
		json_cstr(j, set.keywords[i]);
	json_close(j, ']');
}

static void print(struct tool *t, const struct mapi_item *item, const struct pst_folder *folder,
		  uint32_t fidelity)
{
	struct json j;

	buf_reset(&t->line);
	json_init(&j, &t->line);
	json_open(&j, '{');
	json_put_number(&j, "nid", item->nid);
	json_put_text(&j, "folder", folder->depth > 0 ? folder->path[folder->depth - 1] : "");
	json_put_text(&j, "class", item->message_class);
	json_put_number(&j, "kind", item_kind(item->message_class));
	json_put_open(&j, "fidelity", '[');
	for (uint32_t i = 0; i < FIDELITY_COUNT; i++)
		if (fidelity & 1u << i)
			json_cstr(&j, fidelity_name(1u << i));
	json_close(&j, ']');
	put_flags(t, &j, item, folder->role);
	json_put_number(&j, "octets", t->message.len);
	json_close(&j, '}');
	buf_addc(&t->line, '\n');
	fwrite(t->line.ptr, 1, t->line.len, stdout);
	fwrite(t->message.ptr, 1, t->message.len, stdout);
}

static void compose(struct tool *t, const struct pst_folder *folder, uint32_t nid)
{
	struct compose_sink sink = { keep, t };
	struct compose_result result = { 0 };
	struct mapi_item item;
	struct err err = ERR_INIT;

	arena_reset(&t->item);
	arena_reset(&t->scratch);
	buf_reset(&t->message);
	t->options.ours = folder->role == ROLE_SENT || folder->role == ROLE_DRAFTS ||
			  folder->role == ROLE_OUTBOX;
	if (pst_item_open(t->p, nid, &t->item, &item, &err) < 0 ||
	    (t->mail_only && item_kind(item.message_class) != ITEM_MAIL))
		return;
	if (t->export && export_extension(item_kind(item.message_class)) == NULL)
		return;
	if ((t->export ? export_item : compose_message)(&item, &t->options, &sink, &t->scratch,
							&result, &err) < 0) {
		t->failed++;
		fprintf(stderr, "item %u: %s\n", nid, err.text);
		return;
	}
	t->items++;
	if (!t->quiet)
		print(t, &item, folder, result.fidelity);
}

static void compose_all(struct tool *t)
{
	struct pst_folder folder;
	struct err err = ERR_INIT;
	struct arena names = ARENA_INIT(ITEM_MAX);

	while (pst_next_folder(t->p, &names, &folder, &err) > 0) {
		for (uint32_t nid = 0; pst_next_item_nid(t->p, nid, &nid, &err) > 0;)
			compose(t, &folder, nid);
		arena_reset(&names);
	}
	arena_release(&names);
}

static int open_store(struct tool *t, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_NOINPUT, SCOPE_RUN, errno, "%s", path);
	return pst_store_open(fd, t->options.codepages, &t->p, err);
}

static int read_map(struct tool *t, const char *path, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(MAP_MAX);

	if (fd_slurp(AT_FDCWD, path, &text, err) < 0)
		return -1;
	return address_map_read(t->map, buf_slice(&text), err);
}

int main(int argc, char **argv)
{
	struct tool t = { .message = BUF_INIT(MESSAGE_MAX),
			  .line = BUF_INIT(1u << 20),
			  .item = ARENA_INIT(ITEM_MAX),
			  .scratch = ARENA_INIT(SCRATCH_MAX) };
	const char *file = NULL, *map = NULL;
	struct err err = ERR_INIT;
	struct rusage usage;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quiet") == 0)
			t.quiet = true;
		else if (strcmp(argv[i], "--mail") == 0)
			t.mail_only = true;
		else if (strcmp(argv[i], "--export") == 0)
			t.export = true;
		else if (strcmp(argv[i], "--map") == 0 && i + 1 < argc)
			map = argv[++i];
		else
			file = argv[i];
	}
	t.options.codepages = codepages_new();
	t.options.addresses = t.map = address_map_new();
	if (!file || (map && read_map(&t, map, &err) < 0) || open_store(&t, file, &err) < 0) {
		fprintf(stderr, "pst_mime: %s\n", file ? err.text : "which file?");
		return 1;
	}
	learn(&t);
	pst_store_close(t.p);
	if (open_store(&t, file, &err) < 0)
		return 1;
	compose_all(&t);
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr,
		"%" PRIu64 " messages, %" PRIu64 " octets, %" PRIu64
		" failed; %ld.%03ld s user, %ld KiB\n",
		t.items, t.octets, t.failed, (long)usage.ru_utime.tv_sec,
		(long)usage.ru_utime.tv_usec / 1000, usage.ru_maxrss);
	pst_store_close(t.p);
	codepages_free(t.options.codepages);
	address_map_free(t.map);
	arena_release(&t.item);
	arena_release(&t.scratch);
	buf_release(&t.message);
	buf_release(&t.line);
	return t.failed > 0;
}
