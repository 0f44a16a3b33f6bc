/*
 * Measures the reading half for `make bench`:
 *
 *   scanbench boundaries FILE   where each message of an mbox begins and ends, and no more
 *   scanbench scan SOURCE       the whole scan: headers, canonical bytes, SHA-256, match keys
 *   scanbench digest MEGABYTES  SHA-256 alone, of memory: what a scan cannot be faster than
 *
 * Prints {"messages": N, "bytes": N, "seconds": S, "cpu": S}; bytes are stored octets,
 * cpu is the time that this process had a core for itself or in the kernel.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "message/scan.h"
#include "source/mbox_file.h"
#include "source/source.h"

#define MESSAGE_ARENA (16u << 20)

struct result {
	uint64_t messages, bytes;
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int boundaries(const char *path, struct result *r, struct err *err)
{
	struct arena a = ARENA_INIT(MESSAGE_ARENA);
	struct notices *notices = notices_new();
	struct mbox_file *file;
	struct message m;
	int got;

	if (mbox_file_open(AT_FDCWD, path, path, notices, &file, err) < 0)
		return -1;
	while ((got = mbox_file_next(file, &a, &m, err)) > 0) {
		r->messages++;
		r->bytes += m.body.len;
		arena_reset(&a);
	}
	mbox_file_close(file);
	notices_free(notices);
	arena_release(&a);
	return got;
}

static int scan_folder(struct source *s, struct scanner *scanner, struct arena *a, struct result *r,
		       struct err *err)
{
	struct message m;
	int got;

	while ((got = source_next_message(s, a, &m, err)) > 0) {
		if (scanner_run(scanner, &m, time_now(), a, err) < 0)
			return -1;
		r->messages++;
		r->bytes += m.body.len;
		arena_reset(a);
	}
	return got;
}

static int scan(const char *spec, struct result *r, struct err *err)
{
	struct source_options options = { 0 };
	struct arena folder_arena = ARENA_INIT(MESSAGE_ARENA), a = ARENA_INIT(MESSAGE_ARENA);
	struct scanner *scanner = scanner_new(err);
	struct source_folder folder;
	struct source *s;
	int got;

	if (!scanner || source_open(spec, &options, &s, err) < 0)
		return -1;
	while ((got = source_next_folder(s, &folder_arena, &folder, err)) > 0)
		if (scan_folder(s, scanner, &a, r, err) < 0)
			return -1;
	source_close(s);
	scanner_free(scanner);
	arena_release(&folder_arena);
	arena_release(&a);
	return got;
}

static int digest(const char *megabytes, struct result *r, struct err *err)
{
	static char memory[1 << 20];
	uint8_t sha256[SHA256_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

	for (long n = atol(megabytes); good && n > 0; n--, r->bytes += sizeof(memory))
		good = EVP_DigestUpdate(ctx, memory, sizeof(memory));
	good = good && EVP_DigestFinal_ex(ctx, sha256, NULL);
	EVP_MD_CTX_free(ctx);
	return good ? 0 : err_nomem(err);
}

int main(int argc, char **argv)
{
	struct result r = { 0 };
	struct err err = ERR_INIT;
	double begun = seconds(CLOCK_MONOTONIC);
	int status;

	if (argc != 3) {
		fprintf(stderr, "usage: scanbench boundaries|scan PATH, or digest MEGABYTES\n");
		return 64;
	}
	if (strcmp(argv[1], "digest") == 0)
		status = digest(argv[2], &r, &err);
	else if (strcmp(argv[1], "boundaries") == 0)
		status = boundaries(argv[2], &r, &err);
	else
		status = scan(argv[2], &r, &err);
	if (status < 0) {
		fprintf(stderr, "scanbench: %s\n", err.text);
		return 1;
	}
	printf("{\"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.4f, "
	       "\"cpu\": %.4f}\n",
	       r.messages, r.bytes, seconds(CLOCK_MONOTONIC) - begun,
	       seconds(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
