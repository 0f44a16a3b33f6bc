/*
 * Looking at an account. See survey.h.
 */
#include "transfer/survey.h"

#include <string.h>

#include "plan/special_names.h"
#include "transfer/internal.h"

#define FOLDERS_COUNTED_MAX 500 /* one STATUS each: beyond this it takes too long */

static int count(struct session *s, struct survey *out, struct err *err)
{
	bool sizes = out->capabilities & CAP_STATUS_SIZE;

	if (out->n_folders > FOLDERS_COUNTED_MAX)
		return 0;
	for (size_t i = 0; i < out->n_folders; i++) {
		uint32_t messages = 0;
		uint64_t octets = 0;

		if (out->folders[i].attributes & ATTR_NOSELECT)
			continue;
		if (session_folder_size(s, out->folders[i].wire_name, &messages, &octets, err) <
			    0 &&
		    !transfer_folder_shut(err))
			return -1;
		out->messages += messages;
		out->octets += sizes ? octets : 0;
	}
	out->counted = true;
	return 0;
}

/* Dovecot says "no flags at all" when a folder is only looked at: that is no answer. */
static int look_at_inbox(struct session *s, struct survey *out, struct err *err)
{
	struct selected inbox;

	if (session_examine(s, "INBOX", &inbox, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	out->flags = inbox.permanent_flags;
	out->keywords_allowed = inbox.keywords_allowed;
	out->flags_told = inbox.permanent_flags != 0 || inbox.n_keywords > 0;
	return session_unselect(s, err);
}

static bool has_role(const struct survey *out, enum role role)
{
	for (size_t i = 0; i < out->n_folders; i++)
		if (out->folders[i].role == role)
			return true;
	return false;
}

/* Roles that the server does not tell are known by the names of folders at the top. */
static void guess_roles(struct survey *out, struct arena *a)
{
	for (size_t i = 0; i < out->n_folders; i++) {
		struct listed_folder *f = &out->folders[i];
		struct slice name = slice_str(f->name);
		enum role role;

		if (slice_starts(name, slice_str(out->prefix)))
			name = slice_from(name, strlen(out->prefix));
		if (f->role != ROLE_NONE || (f->separator && slice_find(name, f->separator) >= 0))
			continue;
		role = special_name_role(name, a);
		if (role != ROLE_NONE && !has_role(out, role))
			f->role = role;
	}
}

int survey(struct session *s, struct arena *a, struct survey *out, struct err *err)
{
	struct survey found = {
		.server = session_server_name(s),
		.mechanism = session_mechanism(s),
		.prefix = session_prefix(s),
		.separator = session_separator(s),
		.capabilities = session_capabilities(s),
		.append_limit = session_append_limit(s),
		.profile = session_profile(s),
	};
	int got = session_tls(s, a, &found.tls, err);

	if (got < 0)
		return -1;
	found.has_tls = got > 0;
	if (session_list(s, a, &found.folders, &found.n_folders, err) < 0 ||
	    session_quota(s, "INBOX", &found.quota, err) < 0 || look_at_inbox(s, &found, err) < 0 ||
	    count(s, &found, err) < 0)
		return -1;
	guess_roles(&found, a);
	found.capability_words = session_capability_words(s);
	*out = found;
	return 0;
}
