/*
 * The report of `check`, for people and for scripts. The names in JSON are stable.
 */
#include "cli/check_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* What matters to a migration. */
static const struct {
	uint32_t bits; /* any of them */
	const char *name, *with, *without;
} capabilities[] = {
	{ CAP_MULTIAPPEND, "MULTIAPPEND", "many messages go up at once",
	  "each message goes up by itself" },
	{ CAP_LITERAL_PLUS | CAP_LITERAL_MINUS, "LITERAL+", "messages need not wait to be let in",
	  "each message waits to be let in" },
	{ CAP_UIDPLUS, "UIDPLUS", "the server tells where a message went; undo can remove it",
	  "what was uploaded must be searched for; undo cannot remove it" },
	{ CAP_MOVE, "MOVE", "the server can move messages", "messages are copied, not moved" },
	{ CAP_COMPRESS, "COMPRESS", "the line can be compressed", "the line is not compressed" },
	{ CAP_CONDSTORE, "CONDSTORE", "only flags that have changed are read again",
	  "all flags are read again by each run" },
	{ CAP_SPECIAL_USE, "SPECIAL-USE", "the server tells its folders for sent mail, trash...",
	  "folders for sent mail, trash... are known by their names" },
	{ CAP_QUOTA, "QUOTA", "the server tells how full the account is",
	  "how full the account is shows only when it is full" },
	{ CAP_APPENDLIMIT, "APPENDLIMIT", "the server tells how large a message may be",
	  "how large a message may be shows only when one is refused" },
	{ CAP_BINARY, "BINARY", "messages with NUL octets can be stored as they are",
	  "NUL octets may be refused or altered" },
};
#define N_CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

static bool has(const struct check *c, uint32_t bits)
{
	return (c->survey.capabilities & bits) != 0;
}

bool check_is_full(const struct check *c)
{
	const struct quota *q = &c->survey.quota;

	return (q->has_octets && q->octets_used >= q->octets_limit) ||
	       (q->has_messages && q->messages_used >= q->messages_limit);
}

/* ---- advice ---- */

struct advising {
	struct check *check;
	struct arena *arena;
};

static int advise(struct advising *w, struct buf *text, struct err *err)
{
	struct check *c = w->check;

	if (buf_ok(text, "advice", err) < 0)
		return -1;
	if (c->n_advice == ADVICE_MAX)
		return 0;
	c->advice[c->n_advice] = arena_slice(w->arena, buf_slice(text));
	buf_reset(text);
	return c->advice[c->n_advice++] ? 0 : err_nomem(err);
}

static int advise_by_profile(struct advising *w, struct buf *text, struct err *err)
{
	const struct profile *p = w->check->survey.profile;

	if (p->octets_per_day > 0) {
		buf_addf(text, "%s takes at most ", p->title);
		text_add_size(text, p->octets_per_day);
		buf_addf(text, " a day: 10 GB last %" PRIu64 " days",
			 (UINT64_C(10000000000) + p->octets_per_day - 1) / p->octets_per_day);
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (p->messages_per_minute > 0) {
		buf_addf(text, "%s takes at most %u messages a minute: 10,000 last %u minutes",
			 p->title, p->messages_per_minute,
			 (10000 + p->messages_per_minute - 1) / p->messages_per_minute);
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (p->line_limit > 0) {
		buf_addf(text,
			 "%s refuses messages with lines over %" PRIu64
			 " octets (--repair long-lines)",
			 p->title, p->line_limit);
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (p->no_keywords) {
		buf_addf(text, "%s keeps no tags of messages, or only a few", p->title);
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (p->login_advice) {
		buf_adds(text, p->login_advice);
		return advise(w, text, err);
	}
	return 0;
}

static int advise_by_facts(struct advising *w, struct buf *text, struct err *err)
{
	const struct survey *s = &w->check->survey;

	if (!s->has_tls) {
		buf_adds(text, "the line is not encrypted");
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (s->capabilities & CAP_GMAIL) {
		buf_adds(text, "Gmail keeps one copy of messages with the same Message-ID; folders "
			       "are labels of it");
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (!(s->capabilities & (CAP_MULTIAPPEND | CAP_LITERAL_PLUS | CAP_LITERAL_MINUS))) {
		buf_adds(text, "uploading takes two round trips for each message: on a long line "
			       "more --connections help");
		if (advise(w, text, err) < 0)
			return -1;
	}
	if (w->check->leftover) {
		buf_addf(text,
			 "an earlier probe has left the folder '%s': check --probe removes it",
			 w->check->leftover);
		return advise(w, text, err);
	}
	return 0;
}

/* What trials mean for the mail. */
static const struct {
	const char *id;
	enum trial_verdict verdict;
	const char *advice;
} meanings[] = {
	{ "nul", TRIAL_REFUSED, "messages with NUL octets will be refused (--repair binary,nul)" },
	{ "nul", TRIAL_CHANGED, "in messages with NUL octets the server alters these" },
	{ "header-8bit", TRIAL_CHANGED,
	  "names and subjects that are not encoded as mail wants it will be damaged by the "
	  "server" },
	{ "header-8bit", TRIAL_REFUSED,
	  "messages whose names or subjects are not encoded as mail wants it will be refused "
	  "(--repair header-8bit)" },
	{ "header-missing", TRIAL_REFUSED, "messages without a header will be refused" },
	{ "header-invalid", TRIAL_REFUSED,
	  "messages with an invalid header will be refused (--repair header-block)" },
	{ "long-line", TRIAL_REFUSED,
	  "messages with very long lines will be refused (--repair long-lines)" },
	{ "keywords-own", TRIAL_CHANGED, "tags of messages will be lost" },
	{ "keywords-own", TRIAL_REFUSED, "tags of messages will be left out" },
	{ "date", TRIAL_CHANGED, "messages will not keep their dates of arrival" },
};

static int advise_by_trials(struct advising *w, struct buf *text, struct err *err)
{
	const struct probe_result *p = &w->check->probe;

	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < sizeof(meanings) / sizeof(meanings[0]); k++) {
			if (strcmp(p->trials[i].id, meanings[k].id) != 0 ||
			    p->trials[i].verdict != meanings[k].verdict)
				continue;
			buf_adds(text, meanings[k].advice);
			if (advise(w, text, err) < 0)
				return -1;
		}
	}
	if (!p->left_behind)
		return 0;
	buf_addf(text, "the scratch folder '%s' could not be removed; check --probe tries it again",
		 p->left_behind);
	return advise(w, text, err);
}

int check_judge(struct check *c, struct arena *a, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(4096);
	struct advising w = { c, a };

	if (c->probed && !c->probe.can_create)
		c->obstacle = c->probe.full ? "the account is full" : "no folder can be made";
	else if (c->probed && !c->probe.can_upload)
		c->obstacle = c->probe.full ? "the account is full" : "no message can be uploaded";
	else if (check_is_full(c))
		c->obstacle = "the account is full";
	if (advise_by_profile(&w, &text, err) < 0 || advise_by_facts(&w, &text, err) < 0)
		return -1;
	return advise_by_trials(&w, &text, err);
}

/* ---- text ---- */

static void line(struct buf *b, const char *label)
{
	buf_addf(b, "%-14s", label);
}

/* Words of the server, safe to show. */
static void safe(struct buf *b, const char *text)
{
	text_add_safe(b, slice_str(text), 0);
}

static void text_of_server(const struct check *c, struct buf *b)
{
	const struct survey *s = &c->survey;

	buf_addf(b, "Check of %s\n\n", c->account);
	line(b, "Server");
	safe(b, s->server);
	buf_addf(b, " (profile: %s)\n", *s->profile->name ? s->profile->name : "none");
	line(b, "Line");
	if (s->has_tls) {
		buf_addf(b, "%s, %s\n", s->tls.version, s->tls.cipher);
		line(b, "Certificate");
		buf_addf(b, "for %s, by %s, until %s\n", s->tls.hosts, s->tls.issuer,
			 s->tls.expires);
		line(b, "");
		buf_addf(b, "%s\n", s->tls.fingerprint);
	} else {
		buf_adds(b, "without TLS\n");
	}
	line(b, "Login");
	buf_addf(b, "%s\n", *s->mechanism ? s->mechanism : "(was not asked for)");
}

static void text_of_quota(const struct quota *q, struct buf *b)
{
	line(b, "Quota");
	if (!q->has_octets && !q->has_messages) {
		buf_adds(b, "none is told\n");
		return;
	}
	if (q->has_octets) {
		text_add_size(b, q->octets_used);
		buf_adds(b, " of ");
		text_add_size(b, q->octets_limit);
		buf_adds(b, " used, ");
		text_add_size(b, q->octets_used < q->octets_limit ? q->octets_limit - q->octets_used
								  : 0);
		buf_adds(b, " free");
	}
	if (q->has_messages)
		buf_addf(b, "%s%" PRIu64 " of %" PRIu64 " messages", q->has_octets ? "; " : "",
			 q->messages_used, q->messages_limit);
	buf_addc(b, '\n');
}

static void text_of_limits(const struct check *c, struct buf *b)
{
	const struct survey *s = &c->survey;
	const struct profile *p = s->profile;

	line(b, "Limits");
	if (s->append_limit > 0) {
		buf_adds(b, "messages up to ");
		text_add_size(b, s->append_limit);
	} else {
		buf_adds(b, "size of messages not told");
	}
	if (p->connections > 0)
		buf_addf(b, "; %u connections", p->connections);
	if (p->messages_per_minute > 0)
		buf_addf(b, "; %u messages a minute", p->messages_per_minute);
	if (p->octets_per_day > 0) {
		buf_adds(b, "; ");
		text_add_size(b, p->octets_per_day);
		buf_adds(b, " a day");
	}
	buf_addc(b, '\n');
}

static void text_of_folders(const struct check *c, bool verbose, struct buf *b)
{
	const struct survey *s = &c->survey;
	bool any = false;

	line(b, "Folders");
	buf_addf(b, "%zu", s->n_folders);
	if (s->counted)
		buf_addf(b, ", %" PRIu64 " messages", s->messages);
	if (s->counted && (s->capabilities & CAP_STATUS_SIZE)) {
		buf_adds(b, ", ");
		text_add_size(b, s->octets);
	}
	buf_adds(b, "; prefix '");
	safe(b, s->prefix);
	if (s->separator)
		buf_addf(b, "', separator '%c'\n", s->separator);
	else
		buf_adds(b, "', no folders within folders\n");
	line(b, "Special");
	for (size_t i = 0; i < s->n_folders; i++) {
		if (s->folders[i].role == ROLE_NONE || s->folders[i].role == ROLE_INBOX)
			continue;
		buf_addf(b, "%s%s: ", any ? ", " : "", role_name(s->folders[i].role));
		safe(b, s->folders[i].name);
		any = true;
	}
	buf_adds(b, any ? "\n" : "none is told\n");
	for (size_t i = 0; verbose && i < s->n_folders; i++) {
		line(b, "");
		safe(b, s->folders[i].name);
		buf_addc(b, '\n');
	}
}

static void text_of_flags(const struct check *c, struct buf *b)
{
	const struct survey *s = &c->survey;

	line(b, "Flags");
	if (!s->flags_told) {
		buf_adds(b, "not told as long as a folder is only looked at\n");
		return;
	}
	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1)
		if (s->flags & bit)
			buf_addf(b, "%s ", flag_name(bit));
	buf_adds(b, s->keywords_allowed ? "and keywords of any kind\n" : "and no new keywords\n");
}

static void text_of_capabilities(const struct check *c, bool verbose, struct buf *b)
{
	buf_adds(b, "\nCapabilities\n");
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		buf_addf(b, "  %-4s%-13s%s\n", has(c, capabilities[i].bits) ? "yes" : "no",
			 capabilities[i].name,
			 has(c, capabilities[i].bits) ? capabilities[i].with
						      : capabilities[i].without);
	if (verbose) {
		buf_adds(b, "  all of them: ");
		text_add_safe(b, c->survey.capability_words, 0);
		buf_addc(b, '\n');
	}
}

static void text_of_trials(const struct check *c, struct buf *b)
{
	if (!c->probed)
		return;
	buf_adds(b, "\nTried in a scratch folder");
	buf_adds(b, c->probe.left_behind ? "\n" : " (it is removed again)\n");
	for (size_t i = 0; i < c->probe.n; i++) {
		const struct trial *t = &c->probe.trials[i];

		buf_addf(b, "  %-9s%s%s%s\n", trial_verdict_name(t->verdict), t->title,
			 *t->text ? ": " : "", t->text);
	}
}

void check_text(const struct check *c, bool verbose, struct buf *out)
{
	text_of_server(c, out);
	text_of_limits(c, out);
	text_of_quota(&c->survey.quota, out);
	text_of_folders(c, verbose, out);
	text_of_flags(c, out);
	text_of_capabilities(c, verbose, out);
	text_of_trials(c, out);
	if (c->n_advice > 0)
		buf_adds(out, "\nTo be minded\n");
	for (size_t i = 0; i < c->n_advice; i++) {
		buf_adds(out, "  ");
		safe(out, c->advice[i]);
		buf_addc(out, '\n');
	}
	if (c->obstacle)
		buf_addf(out, "\nA migration cannot go on: %s.\n", c->obstacle);
	else
		buf_adds(out, "\nNothing stands in the way of a migration.\n");
}

/* ---- JSON ---- */

static void json_of_line(const struct survey *s, struct json *j)
{
	json_key(j, "tls");
	if (!s->has_tls) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	json_put_text(j, "version", s->tls.version);
	json_put_text(j, "cipher", s->tls.cipher);
	json_put_text(j, "certificate_for", s->tls.hosts);
	json_put_text(j, "issuer", s->tls.issuer);
	json_put_text(j, "expires", s->tls.expires);
	json_put_text(j, "fingerprint", s->tls.fingerprint);
	json_close(j, '}');
}

static void json_of_known(struct json *j, const char *key, bool known, uint64_t n)
{
	json_key(j, key);
	if (known)
		json_u64(j, n);
	else
		json_null(j);
}

static void json_of_limits(const struct survey *s, struct json *j)
{
	const struct profile *p = s->profile;

	json_put_open(j, "limits", '{');
	json_of_known(j, "message_octets", s->append_limit > 0, s->append_limit);
	json_of_known(j, "connections", p->connections > 0, p->connections);
	json_of_known(j, "messages_per_minute", p->messages_per_minute > 0, p->messages_per_minute);
	json_of_known(j, "octets_per_day", p->octets_per_day > 0, p->octets_per_day);
	json_close(j, '}');
	json_put_open(j, "quota", '{');
	json_of_known(j, "octets_used", s->quota.has_octets, s->quota.octets_used);
	json_of_known(j, "octets_limit", s->quota.has_octets, s->quota.octets_limit);
	json_of_known(j, "messages_used", s->quota.has_messages, s->quota.messages_used);
	json_of_known(j, "messages_limit", s->quota.has_messages, s->quota.messages_limit);
	json_close(j, '}');
}

static void json_of_folders(const struct survey *s, struct json *j)
{
	char separator[2] = { s->separator, '\0' };

	json_put_text(j, "prefix", s->prefix);
	json_put_text(j, "separator", s->separator ? separator : NULL);
	json_of_known(j, "messages", s->counted, s->messages);
	json_of_known(j, "octets", s->counted && (s->capabilities & CAP_STATUS_SIZE), s->octets);
	json_put_open(j, "folders", '[');
	for (size_t i = 0; i < s->n_folders; i++) {
		json_open(j, '{');
		json_put_text(j, "name", s->folders[i].name);
		json_put_text(j, "role",
			      s->folders[i].role == ROLE_NONE ? NULL
							      : role_name(s->folders[i].role));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_of_capabilities(const struct check *c, struct json *j)
{
	struct slice words = c->survey.capability_words;

	json_put_open(j, "capabilities", '[');
	while (words.len > 0)
		json_string(j, slice_cut(&words, ' '));
	json_close(j, ']');
	json_key(j, "keywords");
	if (c->survey.flags_told)
		json_bool(j, c->survey.keywords_allowed);
	else
		json_null(j);
}

static void json_of_trials(const struct check *c, struct json *j)
{
	json_key(j, "trials");
	if (!c->probed) {
		json_null(j);
		return;
	}
	json_open(j, '[');
	for (size_t i = 0; i < c->probe.n; i++) {
		json_open(j, '{');
		json_put_text(j, "trial", c->probe.trials[i].id);
		json_put_text(j, "verdict", trial_verdict_name(c->probe.trials[i].verdict));
		json_put_text(j, "text", c->probe.trials[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_put_text(j, "left_behind", c->probe.left_behind);
}

void check_json(const struct check *c, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_open(&j, '{');
	json_put_text(&j, "account", c->account);
	json_put_text(&j, "server", c->survey.server);
	json_put_text(&j, "profile", *c->survey.profile->name ? c->survey.profile->name : NULL);
	json_put_text(&j, "login", c->survey.mechanism);
	json_of_line(&c->survey, &j);
	json_of_capabilities(c, &j);
	json_of_limits(&c->survey, &j);
	json_of_folders(&c->survey, &j);
	json_of_trials(c, &j);
	json_put_open(&j, "advice", '[');
	for (size_t i = 0; i < c->n_advice; i++)
		json_cstr(&j, c->advice[i]);
	json_close(&j, ']');
	json_put_text(&j, "obstacle", c->obstacle);
	json_close(&j, '}');
	buf_addc(out, '\n');
}
