/*
 * Why these numbers: MULTIAPPEND of 100 cost Dovecot a fiftieth of single APPENDs;
 * providers cut clients that pipeline hard, so Gmail gets four commands at most;
 * a literal without "+" may only follow an APPEND line that the server has
 * accepted before, because some servers run the text of a mail as commands when
 * they reject the line (imap-client.md 5).
 */
#include "transfer/batch.h"

#define COMMANDS_MAX	  64 /* single APPENDs in flight */
#define COMMANDS_MAX_SYNC 2  /* one ahead: its "+" comes when the first is done */

/* What the provider is known to bear. */
static void restrain(struct shape *s, const struct profile *p)
{
	if (p->commands > 0 && s->commands > p->commands)
		s->commands = p->commands;
	if (p->window > 0 && s->window > p->window)
		s->window = p->window;
	if (p->batch > 0 && s->messages > p->batch)
		s->messages = p->batch;
	s->noop_every = p->noop_every;
}

struct shape shape_of(uint32_t capabilities, uint64_t append_limit, const struct profile *profile,
		      const struct transfer_options *options)
{
	struct shape s = {
		.messages = 1,
		.octets = options->batch_octets,
		.window = options->window_octets,
		.commands = COMMANDS_MAX,
		.alone_above = options->sync_above,
		.append_limit = append_limit,
	};

	if (capabilities & CAP_MULTIAPPEND)
		s.messages = options->batch_messages;
	if (capabilities & CAP_LITERAL_PLUS) {
		s.plain_max = options->sync_above;
		s.plain_most = UINT64_MAX;
	} else if (capabilities & CAP_LITERAL_MINUS) {
		s.plain_max = s.plain_most = LITERAL_MINUS_MAX;
	} else {
		s.commands = COMMANDS_MAX_SYNC;
	}
	restrain(&s, profile);
	return s;
}

struct shape shape_careful(const struct shape *s)
{
	struct shape careful = *s;

	careful.messages = 1;
	careful.commands = 1;
	careful.plain_max = careful.plain_most = 0;
	return careful;
}

void shape_slow(struct shape *s, const struct gate_limits *limits)
{
	uint64_t messages = limits->messages_per_minute / 60;
	uint64_t octets = limits->octets_per_second;

	if (limits->messages_per_minute > 0 && s->messages > messages)
		s->messages = messages > 0 ? (uint32_t)messages : 1;
	if (octets > 0 && s->octets > octets)
		s->octets = octets;
	if (octets > 0 && s->window > 2 * octets)
		s->window = 2 * octets;
}

/* Above half of the limit the server may count differently: let it refuse before the octets. */
static bool near_limit(const struct shape *s, uint64_t size)
{
	return s->append_limit != 0 && size > s->append_limit / 2;
}

/* A large message waits, so that a server with a limit of its own refuses it before its octets.
 * Each wait costs a round trip in which nothing moves: where one of half its size has been stored,
 * such a limit would be a coincidence: what is above it is sent for nothing then, and refused. */
static bool waits_by_size(const struct shape *s, uint64_t size, uint64_t taken)
{
	if (near_limit(s, size))
		return true;
	return size > s->plain_max && (size / 2 > taken || size > s->plain_most);
}

bool batch_waits(const struct shape *s, uint64_t size, uint64_t taken, bool proven)
{
	return !proven || waits_by_size(s, size, taken);
}

bool batch_waits_once(const struct shape *s, uint64_t size, uint64_t taken)
{
	return waits_by_size(s, size, taken) && !waits_by_size(s, size, size);
}

static bool goes_alone(const struct shape *s, uint64_t size)
{
	return size > s->alone_above || near_limit(s, size);
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return hash;
}

uint64_t flag_set_hash(const struct flag_set *flags)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = hash_bytes(hash, &flags->system, sizeof(flags->system));
	for (size_t i = 0; i < flags->n_keywords; i++) {
		const char *k = flags->keywords[i];

		while (*k)
			hash = hash_bytes(hash, k++, 1);
		hash = hash_bytes(hash, k, 1); /* the NUL: "a b" is not "ab" */
	}
	return hash;
}

size_t batch_cut(const struct shape *s, const struct upload *uploads, size_t n)
{
	uint64_t octets = uploads[0].wire_len, flags = flag_set_hash(&uploads[0].flags);
	size_t i = 1;

	if (goes_alone(s, octets))
		return 1;
	while (i < n && i < s->messages && !goes_alone(s, uploads[i].wire_len) &&
	       octets + uploads[i].wire_len <= s->octets &&
	       flag_set_hash(&uploads[i].flags) == flags)
		octets += uploads[i++].wire_len;
	return i;
}
