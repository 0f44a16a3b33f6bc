/*
 * The command line. One table (options.c) holds every command and option with its
 * help text: parsing, `--help`, and the test that compares both with the man page
 * use it.
 */
#ifndef MAILHOIST_CLI_OPTIONS_H
#define MAILHOIST_CLI_OPTIONS_H

#include <stdio.h>

#include "source/source.h"
#include "transfer/transfer.h"

#define MAPS_MAX       256 /* --map options */
#define POP_STATES_MAX 64  /* --pop-state options */

enum command {
	COMMAND_NONE,
	COMMAND_SCAN,
	COMMAND_PLAN,
	COMMAND_RUN,
	COMMAND_APPLY,
	COMMAND_VERIFY,
	COMMAND_UNDO,
	COMMAND_REPORT,
	COMMAND_LOGIN,
	COMMAND_CHECK,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COUNT
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_JSONL };

/* What the user asked for. Texts are argv's own (or, for `apply`, the saved plan's). */
struct options {
	enum command command;
	const char *const *operands; /* sources, a plan, a run */
	size_t n_operands;

	enum format format;
	const char *state_dir; /* NULL: the default */
	bool quiet, verbose;

	/* sources */
	struct source_options source;
	bool include_partial;
	const char *pop_states[POP_STATES_MAX];
	size_t n_pop_states;
	const char *pop3; /* URL, or NULL */
	bool no_uidl;

	/* server */
	const char *to;
	const char *tls_ca, *tls_fingerprint;
	const char *password_command, *password_file;
	int password_fd; /* -1: none */
	const char *oauth_token_command;
	struct {
		const char *provider, *provider_file;
		const char *client_id, *client_secret_file, *tenant;
		bool browser, device; /* which flow; neither: what the provider has */
		bool open_browser, keyring;
	} oauth;
	const char *mechanism, *authzid;
	bool allow_plaintext;
	struct gate_limits gate;
	uint32_t repair;      /* enum mend */
	unsigned connections; /* 0: the default of transfer/transfer.h */
	enum compress_mode compress;
	unsigned timeout_s; /* 0: the defaults of imap/session.h */
	const char *trace;
	const char *profile, *profile_file;

	/* plan */
	const char *maps[MAPS_MAX];
	size_t n_maps;
	const char *prefix;
	bool duplicate_into_folders, keep_duplicates;
	bool file_given;
	enum file_mode file; /* options_parse() fills in the command's default */
	enum flag_policy flags;

	bool dry_run; /* undo */
	bool cleanup; /* report */
	bool probe;   /* check */

	/* apply and verify */
	enum verify_level verify;
};

/* Fills *out. -1: ERR_USAGE with a text that says what is wrong. */
int options_parse(int argc, char **argv, struct options *out, struct err *err);

/* The help text: of one command, or with COMMAND_NONE the overview and all options. */
void options_help(FILE *to, enum command command);

/* What --file and --flags are called, by enum file_mode and enum flag_policy; NULL-terminated. */
extern const char *const file_mode_names[];
extern const char *const flag_policy_names[];

/* The command of that name, or COMMAND_NONE. */
enum command command_find(const char *name);
const char *command_name(enum command command);

#endif
