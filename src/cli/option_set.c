/*
 * What is written behind an option, understood and kept. See option_set.h.
 */
#include "cli/option_set.h"

#include <assert.h>
#include <string.h>

#include "message/mend.h"

int option_usage(struct err *err, const char *what, const char *value)
{
	return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "%s%s%s%s (see mailhoist --help)",
		       what, value ? " '" : "", value ? value : "", value ? "'" : "");
}

static int parse_number(const char *text, const char *option, unsigned max, unsigned *out,
			struct err *err)
{
	uint64_t n = 0;

	if (!slice_u64(slice_str(text), &n) || n > max)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "%s wants a number up to %u, not '%s' (see mailhoist --help)",
			       option, max, text);
	*out = (unsigned)n;
	return 0;
}

/* The index of `text` in a NULL-terminated list, or -1: "OPTION wants a, b or c, not 'TEXT'". */
static int choose(const char *text, const char *option, const char *const *list, struct err *err)
{
	CLEANUP(buf_release) struct buf what = BUF_INIT(1024);

	buf_addf(&what, "%s wants %s", option, list[0]);
	for (int i = 0; list[i]; i++) {
		if (strcmp(list[i], text) == 0)
			return i;
		if (i > 0)
			buf_addf(&what, "%s%s", list[i + 1] ? ", " : " or ", list[i]);
	}
	buf_adds(&what, ", not");
	return option_usage(err, buf_cstr(&what) ? what.ptr : option, text);
}

static int parse_format(const char *text, struct options *o, struct err *err)
{
	static const char *const names[] = { "text", "json", "jsonl", NULL };
	int n = choose(text, "--format", names, err);

	if (n < 0)
		return -1;
	o->format = (enum format)n;
	return 0;
}

static int parse_verify(const char *text, struct options *o, struct err *err)
{
	static const char *const names[] = { "none", "size", "header", "full", NULL };
	int n = choose(text, "--verify", names, err);

	if (n < 0)
		return -1;
	o->verify = (enum verify_level)n;
	return 0;
}

static int parse_compress(const char *text, struct options *o, struct err *err)
{
	static const char *const names[] = { "auto", "on", "off", NULL };
	int n = choose(text, "--compress", names, err);

	if (n < 0)
		return -1;
	o->compress = (enum compress_mode)n;
	return 0;
}
_Static_assert(COMPRESS_AUTO == 0 && COMPRESS_ON == 1 && COMPRESS_OFF == 2, "as in the names");

const char *const file_mode_names[] = { "off", "plan", "copy", "move", NULL };
const char *const flag_policy_names[] = { "union", "local", "server", NULL };
_Static_assert(FILE_OFF == 0 && FILE_PLAN == 1 && FILE_COPY == 2 && FILE_MOVE == 3 &&
		       FLAGS_UNION == 0 && FLAGS_LOCAL == 1 && FLAGS_SERVER == 2,
	       "as in the names");

static int parse_file(const char *text, struct options *o, struct err *err)
{
	int n = choose(text, "--file", file_mode_names, err);

	if (n < 0)
		return -1;
	o->file = (enum file_mode)n;
	o->file_given = true;
	return 0;
}

static int parse_flags(const char *text, struct options *o, struct err *err)
{
	int n = choose(text, "--flags", flag_policy_names, err);

	if (n < 0)
		return -1;
	o->flags = (enum flag_policy)n;
	return 0;
}

static int parse_flow(const char *text, struct options *o, struct err *err)
{
	static const char *const names[] = { "device", "browser", NULL };
	int n = choose(text, "--oauth-flow", names, err);

	o->oauth.device = n == 0;
	o->oauth.browser = n == 1;
	return n < 0 ? -1 : 0;
}

static int parse_map(const char *text, struct options *o, struct err *err)
{
	if (!strchr(text, '=') || text[0] == '=')
		return option_usage(err, "--map wants 'Local name=Server name', not", text);
	if (o->n_maps == MAPS_MAX)
		return option_usage(err, "too many --map options", NULL);
	o->maps[o->n_maps++] = text;
	return 0;
}

/* Told here, before anything is read, rather than at the server's door (net/cert.c takes it apart).
 */
static int parse_fingerprint(const char *text, struct options *o, struct err *err)
{
	struct slice rest = slice_str(text);
	size_t digits = 0;

	if (!slice_istarts(rest, SLICE_LIT("sha256:")))
		return option_usage(err, "--tls-fingerprint wants sha256:HEX, not", text);
	for (const char *p = text + strlen("sha256:"); *p; p++)
		digits += *p != ':';
	if (digits != 64)
		return option_usage(err, "a SHA-256 fingerprint has 64 digits, unlike", text);
	o->tls_fingerprint = text;
	return 0;
}

static bool repair_step(struct slice name, uint32_t *steps)
{
	if (slice_eq(name, SLICE_LIT("all"))) {
		*steps |= MEND_ALL;
		return true;
	}
	for (uint32_t bit = 1; bit < 1u << MEND_COUNT; bit <<= 1)
		if (slice_eq(name, slice_str(mend_name(bit)))) {
			*steps |= bit;
			return true;
		}
	return false;
}

static int parse_repair(const char *text, struct options *o, struct err *err)
{
	struct slice rest = slice_str(text);

	do {
		if (!repair_step(slice_cut(&rest, ','), &o->repair))
			return option_usage(
				err,
				"--repair wants all, or some of binary, header-8bit, nul, "
				"long-lines and header-block, not",
				text);
	} while (rest.len > 0);
	return 0;
}

static int parse_fd(const char *text, struct options *o, struct err *err)
{
	unsigned n = 0;

	if (parse_number(text, "--password-fd", 65535, &n, err) != 0)
		return -1;
	o->password_fd = (int)n;
	return 0;
}

static int parse_connections(const char *text, struct options *o, struct err *err)
{
	if (parse_number(text, "--connections", LINES_MAX, &o->connections, err) != 0)
		return -1;
	return o->connections > 0 ? 0
				  : option_usage(err, "--connections wants 1 or more, not", text);
}

static int parse_gate(enum option_id id, const char *text, struct gate_limits *g, struct err *err)
{
	if (id == OPT_MAX_RATE &&
	    !gate_read_rate(text, &g->octets_per_second, &g->messages_per_minute))
		return option_usage(err, "--max-rate wants 500k, 2M or 4msg, not", text);
	if (id == OPT_MAX_BYTES_PER_DAY && !gate_read_size(text, &g->octets_per_day))
		return option_usage(err, "--max-bytes-per-day wants 500M or 2G, not", text);
	if (id == OPT_WINDOW && !gate_read_hours(text, &g->from, &g->to))
		return option_usage(err, "--window wants 22:00-06:00, not", text);
	g->has_hours |= id == OPT_WINDOW;
	return 0;
}

/* Where an option is kept that is just its argument; NULL for others. */
static const char **text_of(struct options *o, enum option_id id)
{
	switch (id) {
	case OPT_TO:
		return &o->to;
	case OPT_STATE:
		return &o->state_dir;
	case OPT_EXPORT_OTHERS:
		return &o->source.export_dir;
	case OPT_ADDRESS_MAP:
		return &o->source.address_map;
	case OPT_TLS_CA:
		return &o->tls_ca;
	case OPT_PASSWORD_COMMAND:
		return &o->password_command;
	case OPT_PASSWORD_FILE:
		return &o->password_file;
	case OPT_OAUTH_TOKEN_COMMAND:
		return &o->oauth_token_command;
	case OPT_OAUTH_PROVIDER:
		return &o->oauth.provider;
	case OPT_OAUTH_PROVIDER_FILE:
		return &o->oauth.provider_file;
	case OPT_OAUTH_CLIENT_ID:
		return &o->oauth.client_id;
	case OPT_OAUTH_CLIENT_SECRET_FILE:
		return &o->oauth.client_secret_file;
	case OPT_OAUTH_TENANT:
		return &o->oauth.tenant;
	case OPT_AUTH:
		return &o->mechanism;
	case OPT_AUTHZID:
		return &o->authzid;
	case OPT_TRACE:
		return &o->trace;
	case OPT_PREFIX:
		return &o->prefix;
	case OPT_POP3:
		return &o->pop3;
	case OPT_PROFILE:
		return &o->profile;
	case OPT_PROFILE_FILE:
		return &o->profile_file;
	default:
		return NULL;
	}
}

/* The same of those that are given or not. */
static bool *switch_of(struct options *o, enum option_id id)
{
	switch (id) {
	case OPT_QUIET:
		return &o->quiet;
	case OPT_VERBOSE:
		return &o->verbose;
	case OPT_INCLUDE_DELETED:
		return &o->source.include_deleted;
	case OPT_INCLUDE_PARTIAL:
		return &o->include_partial;
	case OPT_INCLUDE_OUTBOX:
		return &o->source.include_outbox;
	case OPT_INCLUDE_FEEDS:
		return &o->source.include_feeds;
	case OPT_RECOVERED:
		return &o->source.recovered;
	case OPT_ALLOW_PLAINTEXT:
		return &o->allow_plaintext;
	case OPT_DUPLICATE_INTO_FOLDERS:
		return &o->duplicate_into_folders;
	case OPT_KEEP_DUPLICATES:
		return &o->keep_duplicates;
	case OPT_NO_UIDL:
		return &o->no_uidl;
	case OPT_DRY_RUN:
		return &o->dry_run;
	case OPT_CLEANUP:
		return &o->cleanup;
	case OPT_OAUTH_OPEN_BROWSER:
		return &o->oauth.open_browser;
	case OPT_OAUTH_KEYRING:
		return &o->oauth.keyring;
	case OPT_PROBE:
		return &o->probe;
	default:
		return NULL;
	}
}

static int add_pop_state(const char *file, struct options *o, struct err *err)
{
	if (o->n_pop_states == POP_STATES_MAX)
		return option_usage(err, "too many --pop-state options", NULL);
	o->pop_states[o->n_pop_states++] = file;
	return 0;
}

/* Options whose argument has to be understood, and the two that are commands. */
static int set_parsed(struct options *o, enum option_id id, const char *value, struct err *err)
{
	switch (id) {
	case OPT_FORMAT:
		return parse_format(value, o, err);
	case OPT_TLS_FINGERPRINT:
		return parse_fingerprint(value, o, err);
	case OPT_PASSWORD_FD:
		return parse_fd(value, o, err);
	case OPT_TIMEOUT:
		return parse_number(value, "--timeout", 86400, &o->timeout_s, err);
	case OPT_CONNECTIONS:
		return parse_connections(value, o, err);
	case OPT_COMPRESS:
		return parse_compress(value, o, err);
	case OPT_MAX_RATE:
	case OPT_MAX_BYTES_PER_DAY:
	case OPT_WINDOW:
		return parse_gate(id, value, &o->gate, err);
	case OPT_OAUTH_FLOW:
		return parse_flow(value, o, err);
	case OPT_MAP:
		return parse_map(value, o, err);
	case OPT_POP_STATE:
		return add_pop_state(value, o, err);
	case OPT_FILE:
		return parse_file(value, o, err);
	case OPT_FLAGS:
		return parse_flags(value, o, err);
	case OPT_REPAIR:
		return parse_repair(value, o, err);
	case OPT_VERIFY:
		return parse_verify(value, o, err);
	case OPT_HELP:
		o->command = COMMAND_HELP;
		return 0;
	case OPT_VERSION:
		o->command = COMMAND_VERSION;
		return 0;
	default:
		assert(!"an option that nobody sets");
		return 0;
	}
}

int option_set(struct options *o, enum option_id id, const char *value, struct err *err)
{
	const char **text = text_of(o, id);
	bool *given = switch_of(o, id);

	if (text)
		*text = value;
	else if (given)
		*given = true;
	else
		return set_parsed(o, id, value, err);
	return 0;
}
