/*
 * What the reader finds in an Outlook store, as JSON lines: pst_dump FILE. A line for
 * each folder, each item below it, each finding of the self-check. Everything an
 * item has is read: for comparing, for measuring, for feeding it damaged files.
 *   --quiet: read everything, print totals only.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "pst/pst.h"

#define ITEM_MAX (64u << 20)

struct dump {
	struct pst *p;
	struct json j;
	struct buf out;
	bool quiet;
	uint64_t folders, items, failed, recipients, attachments, bytes, findings, lost;
};

static void text(struct json *j, const char *key, const char *s)
{
	json_put_text(j, key, s ? s : "");
}

static void number(struct json *j, const char *key, int32_t n)
{
	json_key(j, key);
	json_i64(j, n == MAPI_NONE ? -1 : n);
}

static void filetime(struct json *j, const char *key, uint64_t t)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(64);

	json_key(j, key);
	if (t == 0) {
		json_null(j);
		return;
	}
	time_add_rfc3339(&b, (int64_t)(t / 10000000) - 11644473600);
	json_string(j, slice_head(buf_slice(&b), b.len - 1));
}

static void hex(struct json *j, const char *key, struct slice s)
{
	json_key(j, key);
	if (!s.ptr)
		json_null(j);
	else
		json_hex(j, (const uint8_t *)s.ptr, s.len < 40 ? s.len : 40);
}

/* Read all of it; its digest. -1: an error, reported in the line. */
static int64_t consume(struct dump *d, const struct mapi_blob *b, uint8_t sha[20])
{
	EVP_MD_CTX *md = sha ? EVP_MD_CTX_new() : NULL;
	struct err err = ERR_INIT;
	static char piece[65536];
	uint64_t off = 0;
	size_t got = 0;

	if (sha)
		EVP_DigestInit_ex(md, EVP_sha1(), NULL);
	while (off < b->len) {
		if (b->read(b, off, piece, sizeof(piece), &got, &err) < 0)
			break;
		if (got == 0)
			break;
		if (sha)
			EVP_DigestUpdate(md, piece, got);
		off += got;
	}
	if (sha)
		EVP_DigestFinal_ex(md, sha, NULL);
	EVP_MD_CTX_free(md);
	d->bytes += off;
	if (off == b->len)
		return (int64_t)off;
	text(&d->j, "readerr", err.text);
	return -1;
}

static void blob(struct dump *d, const char *key, const struct mapi_blob *b)
{
	int64_t n = consume(d, b, NULL);

	json_key(&d->j, key);
	json_i64(&d->j, n);
}

static void person(struct json *j, const struct mapi_person *p, bool row)
{
	json_open(j, '[');
	if (row)
		json_i64(j, p->type);
	json_cstr(j, p->name ? p->name : "");
	json_cstr(j, p->addr_type ? p->addr_type : "");
	json_cstr(j, p->address ? p->address : "");
	json_cstr(j, p->smtp ? p->smtp : "");
	json_close(j, ']');
}

static void item(struct dump *d, const struct mapi_item *it, const char *path, struct arena *a);

static void attachment(struct dump *d, const struct mapi_item *it, struct mapi_attachment *at,
		       const char *path, struct arena *a)
{
	struct json *j = &d->j;
	struct err err = ERR_INIT;
	struct mapi_item inner;
	uint8_t sha[20];

	json_open(j, '{');
	number(j, "meth", at->method);
	text(j, "fn", at->long_name && *at->long_name ? at->long_name : at->name);
	text(j, "mime", at->mime_type);
	text(j, "cid", at->content_id);
	text(j, "loc", at->content_location);
	text(j, "lp", at->path_name);
	number(j, "size", at->size);
	number(j, "flags", at->flags);
	number(j, "hidden", at->hidden);
	json_key(j, "rpos");
	json_i64(j, at->rendering);
	if (at->missing)
		number(j, "missing", 1);
	if (at->method == MAPI_ATTACH_EMBEDDED && !at->missing) {
		if (it->ops->embedded(it, at, a, &inner, &err) == 0) {
			json_key(j, "emb");
			item(d, &inner, path, a);
		} else {
			text(j, "err", err.text);
		}
	} else if (at->data.read) {
		int64_t n = consume(d, &at->data, sha);

		json_key(j, "len");
		json_i64(j, n);
		json_key(j, "sha");
		json_hex(j, sha, 6);
	}
	json_close(j, '}');
}

static void rows(struct dump *d, const struct mapi_item *it, const char *path, struct arena *a)
{
	struct mapi_attachment at;
	struct mapi_person who;
	struct err err = ERR_INIT;
	int got;

	json_put_open(&d->j, "rcpt", '[');
	for (size_t i = 0; (got = it->ops->recipient(it, i, a, &who, &err)) > 0; i++) {
		person(&d->j, &who, true);
		d->recipients++;
	}
	json_close(&d->j, ']');
	if (got < 0)
		text(&d->j, "rcpterr", err.text);
	json_put_open(&d->j, "att", '[');
	for (size_t i = 0; (got = it->ops->attachment(it, i, a, &at, &err)) > 0; i++) {
		attachment(d, it, &at, path, a);
		d->attachments++;
	}
	json_close(&d->j, ']');
	if (got < 0)
		text(&d->j, "atterr", err.text);
}

static void item(struct dump *d, const struct mapi_item *it, const char *path, struct arena *a)
{
	struct mapi_value record_key;
	struct json *j = &d->j;

	json_open(j, '{');
	text(j, "path", path);
	json_put_number(j, "nid", it->nid);
	json_put_bool(j, "emb", it->depth > 0);
	text(j, "cls", it->message_class);
	text(j, "subject", it->subject);
	json_key(j, "from");
	person(j, &it->sender, false);
	blob(d, "hdr", &it->transport_headers);
	text(j, "mid", it->message_id);
	text(j, "irt", it->in_reply_to);
	text(j, "refs", it->references);
	blob(d, "body", &it->text);
	blob(d, "html", &it->html);
	blob(d, "rtf", &it->rtf);
	number(j, "cpid", it->internet_code_page);
	number(j, "mcp", it->message_code_page);
	number(j, "flags", it->flags);
	number(j, "status", it->status);
	number(j, "verb", it->last_verb);
	number(j, "flag", it->flag_status);
	number(j, "imp", it->importance);
	number(j, "native", it->native_body);
	number(j, "sens", it->sensitivity);
	filetime(j, "submit", it->submitted);
	filetime(j, "deliv", it->delivered);
	filetime(j, "create", it->created);
	filetime(j, "modify", it->modified);
	hex(j, "skey", it->search_key);
	it->ops->property(it, 0x0ff9, a, &record_key);
	hex(j, "rkey", record_key.bytes);
	if (it->n_categories > 0) {
		json_put_open(j, "cat", '[');
		for (size_t i = 0; i < it->n_categories; i++)
			json_cstr(j, it->categories[i]);
		json_close(j, ']');
	}
	json_put_open(j, "disp", '[');
	json_cstr(j, it->display_to ? it->display_to : "");
	json_cstr(j, it->display_cc ? it->display_cc : "");
	json_cstr(j, it->display_bcc ? it->display_bcc : "");
	json_close(j, ']');
	rows(d, it, path, a);
	if (it->degraded)
		number(j, "degraded", (int32_t)it->degraded);
	json_close(j, '}');
}

static void flush(struct dump *d)
{
	if (!d->quiet) {
		buf_addc(&d->out, '\n');
		fwrite(d->out.ptr, 1, d->out.len, stdout);
	}
	buf_reset(&d->out);
	json_init(&d->j, &d->out);
}

static void findings(struct dump *d, struct arena *a)
{
	struct pst_damage damage;

	while (pst_next_damage(d->p, a, &damage)) {
		json_open(&d->j, '{');
		text(&d->j, "damage", damage.text);
		json_put_number(&d->j, "nid", damage.nid);
		json_put_number(&d->j, "lost", damage.lost);
		json_put_bool(&d->j, "unknown", damage.unknown);
		json_close(&d->j, '}');
		flush(d);
		d->findings++;
		d->lost += damage.lost;
	}
}

static const char *folder(struct dump *d, const struct pst_folder *f, struct arena *a)
{
	struct buf path = BUF_INIT(65536);
	struct json *j = &d->j;
	const char *copy;

	for (size_t i = 0; i < f->depth; i++) {
		buf_addc(&path, '/');
		buf_adds(&path, f->path[i]);
	}
	copy = arena_str(a, buf_cstr(&path));
	buf_release(&path);
	json_open(j, '{');
	text(j, "folder", copy);
	text(j, "cls", f->container_class);
	json_key(j, "count");
	json_i64(j, f->said_count);
	json_put_number(j, "nid", f->nid);
	json_key(j, "ctrows");
	json_i64(j, f->table_rows);
	json_put_number(j, "nbtmsgs", f->node_count);
	text(j, "role", role_name(f->role));
	json_put_bool(j, "outside", f->outside);
	json_put_bool(j, "orphans", f->orphans);
	json_close(j, '}');
	flush(d);
	d->folders++;
	return copy;
}

static void items(struct dump *d, const char *path, struct arena *a)
{
	struct mapi_item it;
	struct err err = ERR_INIT;
	uint32_t nid = 0;

	while (pst_next_item_nid(d->p, nid, &nid, &err) > 0) {
		arena_reset(a);
		d->items++;
		if (pst_item_open(d->p, nid, a, &it, &err) == 0) {
			item(d, &it, path, a);
		} else {
			json_open(&d->j, '{');
			text(&d->j, "path", path);
			json_put_number(&d->j, "nid", nid);
			text(&d->j, "err", err.text);
			json_close(&d->j, '}');
			d->failed++;
		}
		flush(d);
	}
}

static int run(struct dump *d)
{
	struct arena folder_arena = ARENA_INIT(ITEM_MAX), a = ARENA_INIT(ITEM_MAX);
	struct err err = ERR_INIT;
	struct pst_folder f;
	int got;

	while ((got = pst_next_folder(d->p, &folder_arena, &f, &err)) != 0) {
		if (got < 0) {
			fprintf(stderr, "%s\n", err.text);
			break;
		}
		items(d, folder(d, &f, &folder_arena), &a);
		arena_reset(&folder_arena);
		findings(d, &a);
	}
	findings(d, &a);
	arena_release(&folder_arena);
	arena_release(&a);
	return got;
}

static void totals(const struct dump *d)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	fprintf(stderr,
		"%" PRIu64 " folders, %" PRIu64 " items (%" PRIu64 " unreadable), %" PRIu64
		" recipients, %" PRIu64 " attachments, %" PRIu64 " bytes, %" PRIu64
		" findings (%" PRIu64 " items lost); user %ld.%02ld s, sys %ld.%02ld s, %ld KiB\n",
		d->folders, d->items, d->failed, d->recipients, d->attachments, d->bytes,
		d->findings, d->lost, (long)u.ru_utime.tv_sec, (long)u.ru_utime.tv_usec / 10000,
		(long)u.ru_stime.tv_sec, (long)u.ru_stime.tv_usec / 10000, u.ru_maxrss);
}

int main(int argc, char **argv)
{
	struct dump d = { .out = BUF_INIT(1u << 30) };
	struct err err = ERR_INIT;
	int fd, got;

	if (argc == 3 && strcmp(argv[1], "--quiet") == 0)
		d.quiet = true;
	else if (argc != 2)
		return fprintf(stderr, "usage: pst_dump [--quiet] FILE\n"), 64;
	fd = open(argv[argc - 1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return perror(argv[argc - 1]), 66;
	json_init(&d.j, &d.out);
	if (pst_store_open(fd, NULL, &d.p, &err) < 0) {
		fprintf(stderr, "%s: %s\n", argv[argc - 1], err.text);
		close(fd);
		return 1;
	}
	got = run(&d);
	totals(&d);
	pst_store_close(d.p);
	buf_release(&d.out);
	close(fd);
	return got < 0;
}
