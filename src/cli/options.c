/*
 * Parsing the command line from the option table. See options.h.
 */
#include "cli/options.h"

#include <getopt.h>
#include <string.h>

#include "cli/option_set.h"

/* Commands an option belongs to, as bits. */
#define BIT(command_)	  (1u << (command_))
#define ON_SERVER_SOURCES (BIT(COMMAND_PLAN) | BIT(COMMAND_RUN) | BIT(COMMAND_VERIFY))
#define ON_SOURCES	  (BIT(COMMAND_SCAN) | ON_SERVER_SOURCES)
#define ON_SERVER	  (ON_SERVER_SOURCES | BIT(COMMAND_APPLY) | BIT(COMMAND_UNDO) | BIT(COMMAND_CHECK))
#define ON_CONNECT	  (ON_SERVER | BIT(COMMAND_LOGIN))
#define ON_JOURNAL	  (ON_SERVER | BIT(COMMAND_REPORT))
#define ON_FILERS	  (BIT(COMMAND_PLAN) | BIT(COMMAND_RUN))
#define ON_VERIFIERS	  (BIT(COMMAND_RUN) | BIT(COMMAND_APPLY) | BIT(COMMAND_VERIFY))
#define ON_WRITERS	  (BIT(COMMAND_RUN) | BIT(COMMAND_APPLY))
#define ON_PACED	  (ON_WRITERS | BIT(COMMAND_PLAN))
#define ON_ALL		  (BIT(COMMAND_SCAN) | ON_JOURNAL)

static const struct {
	enum option_id id;
	const char *name, *argument; /* argument NULL: none */
	unsigned commands;
	const char *help;
} table[] = {
	{ OPT_TO, "to", "URL", ON_JOURNAL | BIT(COMMAND_LOGIN),
	  "the account: imaps://user@host[:port][/prefix], or imap:// for STARTTLS" },
	{ OPT_FORMAT, "format", "FORMAT", ON_ALL,
	  "text (default); jsonl (scan, plan: one object a message); json (report, run, check)" },
	{ OPT_STATE, "state", "DIR", ON_JOURNAL | BIT(COMMAND_LOGIN),
	  "where journals are kept (default: $XDG_STATE_HOME/mailhoist)" },
	{ OPT_QUIET, "quiet", NULL, ON_ALL, "no progress on stderr" },
	{ OPT_VERBOSE, "verbose", NULL, ON_ALL, "list every message that was not uploaded" },

	{ OPT_INCLUDE_DELETED, "include-deleted", NULL, ON_SOURCES,
	  "carry messages that were deleted but not compacted, into folders of their own" },
	{ OPT_INCLUDE_PARTIAL, "include-partial", NULL, ON_SERVER_SOURCES,
	  "upload messages of which POP fetched only the first lines" },
	{ OPT_INCLUDE_OUTBOX, "include-outbox", NULL, ON_SOURCES, "carry unsent messages" },
	{ OPT_INCLUDE_FEEDS, "include-feeds", NULL, ON_SOURCES, "carry RSS items" },
	{ OPT_RECOVERED, "recovered", NULL, ON_SOURCES,
	  "carry messages of a damaged PST whose folder is gone, into a folder 'Recovered'" },
	{ OPT_ADDRESS_MAP, "address-map", "FILE", ON_SOURCES,
	  "mail addresses for Exchange addresses of a PST: lines 'X.500 NAME=user@host'" },
	{ OPT_EXPORT_OTHERS, "export-others", "DIR", BIT(COMMAND_SCAN),
	  "write the contacts of a PST as .vcf and its appointments as .ics files into DIR" },

	{ OPT_TLS_CA, "tls-ca", "FILE", ON_CONNECT, "trust the CA certificates in FILE (PEM)" },
	{ OPT_TLS_FINGERPRINT, "tls-fingerprint", "sha256:HEX", ON_CONNECT,
	  "accept exactly this server certificate" },
	{ OPT_PASSWORD_COMMAND, "password-command", "CMD", ON_SERVER,
	  "the first line that the shell command CMD prints is the password" },
	{ OPT_PASSWORD_FILE, "password-file", "FILE", ON_SERVER,
	  "the first line of FILE is the password; only you may read it" },
	{ OPT_PASSWORD_FD, "password-fd", "N", ON_SERVER, "read the password from descriptor N" },
	{ OPT_OAUTH_TOKEN_COMMAND, "oauth-token-command", "CMD", ON_SERVER,
	  "the first line that the shell command CMD prints is an OAuth access token" },
	{ OPT_OAUTH_PROVIDER, "oauth-provider", "NAME", BIT(COMMAND_LOGIN),
	  "google, microsoft, or one of --oauth-provider-file (default: by the server's name)" },
	{ OPT_OAUTH_PROVIDER_FILE, "oauth-provider-file", "FILE", BIT(COMMAND_LOGIN),
	  "read addresses and scopes of OAuth providers from FILE" },
	{ OPT_OAUTH_CLIENT_ID, "oauth-client-id", "ID", BIT(COMMAND_LOGIN),
	  "the client that you have registered with the provider" },
	{ OPT_OAUTH_CLIENT_SECRET_FILE, "oauth-client-secret-file", "FILE", BIT(COMMAND_LOGIN),
	  "the first line of FILE is the client's secret, if it has one" },
	{ OPT_OAUTH_TENANT, "oauth-tenant", "TENANT", BIT(COMMAND_LOGIN),
	  "your organisation at Microsoft (default: common)" },
	{ OPT_OAUTH_FLOW, "oauth-flow", "FLOW", BIT(COMMAND_LOGIN),
	  "device (a code to type in, on any machine; default, where there is one) or browser (of "
	  "this machine)" },
	{ OPT_OAUTH_OPEN_BROWSER, "oauth-open-browser", NULL, BIT(COMMAND_LOGIN),
	  "open the browser, instead of only showing the address" },
	{ OPT_OAUTH_KEYRING, "oauth-keyring", NULL, BIT(COMMAND_LOGIN),
	  "keep the tokens in the desktop's keyring (secret-tool) instead of a file" },
	{ OPT_AUTH, "auth", "MECHANISM", ON_CONNECT,
	  "PLAIN, LOGIN, SCRAM-SHA-1, SCRAM-SHA-256; XOAUTH2, OAUTHBEARER (default: the best that "
	  "both know)" },
	{ OPT_AUTHZID, "authzid", "USER", ON_SERVER,
	  "log in as the URL's user, but act for USER (SASL PLAIN)" },
	{ OPT_ALLOW_PLAINTEXT, "allow-plaintext", NULL, ON_CONNECT,
	  "log in without TLS to a server that has none (loopback: always allowed)" },
	{ OPT_TIMEOUT, "timeout", "SECONDS", ON_CONNECT, "give up after so long without progress" },
	{ OPT_CONNECTIONS, "connections", "N", ON_SERVER_SOURCES | BIT(COMMAND_APPLY),
	  "use at most N connections at once (default: 4, or what the provider bears)" },
	{ OPT_COMPRESS, "compress", "WHEN", ON_SERVER,
	  "compress the line: auto (default; where that saves time), on, or off" },
	{ OPT_PROFILE, "profile", "NAME", ON_CONNECT,
	  "take the server for one of these: gmail, exchange, dovecot, ... (default: found out)" },
	{ OPT_PROFILE_FILE, "profile-file", "FILE", ON_CONNECT,
	  "read the profiles of providers from FILE instead of the built-in ones" },
	{ OPT_MAX_RATE, "max-rate", "RATE", ON_PACED,
	  "send at most so many octets a second (500k, 2M), or messages a second (4msg)" },
	{ OPT_MAX_BYTES_PER_DAY, "max-bytes-per-day", "SIZE", ON_PACED,
	  "send at most so many octets (500M, 2G) in any 24 hours" },
	{ OPT_WINDOW, "window", "HH:MM-HH:MM", ON_PACED,
	  "upload only in these hours of the day, local time" },
	{ OPT_TRACE, "trace", "FILE", ON_CONNECT,
	  "write the conversation, without secrets and message texts, to FILE" },

	{ OPT_MAP, "map", "LOCAL=SERVER", ON_SERVER_SOURCES,
	  "put the local folder LOCAL into the server's folder SERVER; may be repeated" },
	{ OPT_PREFIX, "prefix", "FOLDER", ON_SERVER_SOURCES, "put everything below FOLDER" },
	{ OPT_DUPLICATE_INTO_FOLDERS, "duplicate-into-folders", NULL, ON_SERVER_SOURCES,
	  "upload a message even if it lies in another folder of the account" },
	{ OPT_KEEP_DUPLICATES, "keep-duplicates", NULL, ON_SERVER_SOURCES,
	  "upload identical messages of one folder as often as they are found" },

	{ OPT_POP_STATE, "pop-state", "FILE", ON_SERVER_SOURCES,
	  "what getmail, mpop, fetchmail or Thunderbird has fetched by POP; may be repeated" },
	{ OPT_POP3, "pop3", "URL", ON_SERVER_SOURCES,
	  "ask the account's POP3 server for its UIDLs: pop3s://[user@]host[:port], or pop3://" },
	{ OPT_NO_UIDL, "no-uidl", NULL, ON_SERVER_SOURCES,
	  "do not use POP's UIDLs to find messages on the server; compare contents alone" },
	{ OPT_FILE, "file", "HOW", ON_FILERS,
	  "what lies unfiled on the server is filed there: plan (shown only; default of plan), "
	  "copy (default of run), move, or off" },
	{ OPT_FLAGS, "flags", "WHOSE", ON_FILERS,
	  "flags of what is on the server already: union (default), local or server" },

	{ OPT_VERIFY, "verify", "LEVEL", ON_VERIFIERS,
	  "none, size, header (default: sizes and header fields), or full (every octet)" },

	{ OPT_DRY_RUN, "dry-run", NULL, BIT(COMMAND_UNDO),
	  "only tell what would be taken back; nothing is changed" },
	{ OPT_CLEANUP, "cleanup", NULL, BIT(COMMAND_REPORT),
	  "for the owner of the mailbox: what INBOX still holds, and what to do about it" },

	{ OPT_REPAIR, "repair", "STEPS", ON_WRITERS,
	  "repair what the server refuses: all, or some of binary,header-8bit,nul,long-lines,"
	  "header-block" },
	{ OPT_PROBE, "probe", NULL, BIT(COMMAND_CHECK),
	  "try names, dates, flags and odd messages in a scratch folder, and remove it" },

	{ OPT_HELP, "help", NULL, ~0u, "this text; `mailhoist help COMMAND` for one command" },
	{ OPT_VERSION, "version", NULL, ~0u, "version and licence" },
};
#define N_OPTIONS (sizeof(table) / sizeof(table[0]))

static const struct {
	const char *name, *operands, *help;
	size_t min, max; /* number of operands */
	bool needs_to;
} commands[COMMAND_COUNT] = {
	[COMMAND_SCAN] = { "scan", "SOURCE...", "what is in the mail stores; no network", 1,
			   SOURCE_SET_MAX, false },
	[COMMAND_PLAN] = { "plan", "SOURCE... --to URL",
			   "the dry run: what would happen; nothing is written to the server", 1,
			   SOURCE_SET_MAX, true },
	[COMMAND_RUN] = { "run", "SOURCE... --to URL", "plan, upload, verify, report", 1,
			  SOURCE_SET_MAX, true },
	[COMMAND_APPLY] = { "apply", "PLAN", "carry out a saved plan, by its number", 1, 1, false },
	[COMMAND_VERIFY] = { "verify", "SOURCE... --to URL",
			     "is every message on the server, and undamaged?", 1, SOURCE_SET_MAX,
			     true },
	[COMMAND_UNDO] = { "undo", "RUN", "take back what a run did, by its number", 1, 1, false },
	[COMMAND_REPORT] = { "report", "[RUN]",
			     "the report of a run (default: the last one); needs no server", 0, 1,
			     false },
	[COMMAND_CHECK] = { "check", "--to URL", "what can the server do, and what will it refuse?",
			    0, 0, true },
	[COMMAND_LOGIN] = { "login", "--to URL",
			    "log in by OAuth 2, once; the other commands then use it", 0, 0, true },
	[COMMAND_HELP] = { "help", "[COMMAND]", "this text, or all about one command", 0, 1,
			   false },
	[COMMAND_VERSION] = { "version", "", "version and licence", 0, 0, false },
};

const char *command_name(enum command command)
{
	return (size_t)command < COMMAND_COUNT && commands[command].name ? commands[command].name
									 : "";
}

enum command command_find(const char *name)
{
	for (enum command c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		if (strcmp(commands[c].name, name) == 0)
			return c;
	return COMMAND_NONE;
}

/* ---- help ---- */

static void help_options(FILE *to, unsigned bits)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		char left[64];

		if (!(table[i].commands & bits))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", table[i].name,
			 table[i].argument ? " " : "", table[i].argument ? table[i].argument : "");
		if (strlen(left) > 26)
			fprintf(to, "  %s\n  %-26s  %s\n", left, "", table[i].help);
		else
			fprintf(to, "  %-26s  %s\n", left, table[i].help);
	}
}

static void help_overview(FILE *to)
{
	fputs("mailhoist: hoists local POP mail up to an IMAP server, each message exactly once\n\n"
	      "Usage: mailhoist COMMAND [OPTION...] OPERAND...\n\nCommands:\n",
	      to);
	for (enum command c = COMMAND_NONE + 1; c < COMMAND_COUNT; c++)
		fprintf(to, "  %-8s %-20s %s\n", commands[c].name, commands[c].operands,
			commands[c].help);
	fputs("\nSOURCE is a path (its kind is found out) or KIND:PATH. Kinds:\n", to);
	for (size_t i = 0; source_kinds[i]; i++)
		fprintf(to, "  %-12s%s\n", source_kinds[i]->kind, source_kinds[i]->summary);
}

void options_help(FILE *to, enum command command)
{
	if (command == COMMAND_NONE) {
		help_overview(to);
		fputs("\nOptions:\n", to);
		help_options(to, ~0u);
	} else {
		fprintf(to, "Usage: mailhoist %s [OPTION...] %s\n%s\n\nOptions:\n",
			commands[command].name, commands[command].operands, commands[command].help);
		help_options(to, 1u << command);
	}
	fputs("\nExit status: 0 all accounted for; 111 done, some messages refused (listed);\n"
	      "121 the balance does not add up; 122 verification found a difference; 64 usage;\n"
	      "66 no input; 69 unavailable; 73, 74 cannot write; 75 try again later; 10 connect;\n"
	      "12 TLS; 16 login; 113 quota; 130, 143 stopped by a signal, resumable.\n",
	      to);
}

/* ---- parsing ---- */

static unsigned commands_of(enum option_id id)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (table[i].id == id)
			return table[i].commands;
	return 0;
}

/* getopt_long(3) wants its own table. */
static void fill_long_options(struct option out[N_OPTIONS + 1])
{
	memset(out, 0, (N_OPTIONS + 1) * sizeof(out[0]));
	for (size_t i = 0; i < N_OPTIONS; i++) {
		out[i].name = table[i].name;
		out[i].has_arg = table[i].argument ? required_argument : no_argument;
		out[i].val = table[i].id;
	}
}

_Static_assert(OPT_VERSION - OPT_TO < 64, "a bit for each option");

/* The options that were given, as bits: option_id - OPT_TO. */
static int parse_options(int argc, char **argv, struct options *o, uint64_t *given, struct err *err)
{
	struct option long_options[N_OPTIONS + 1];
	int id;

	fill_long_options(long_options);
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (id == '?')
			return option_usage(err, "unknown option", argv[optind - 1]);
		if (id == ':')
			return option_usage(err, "an argument is missing behind", argv[optind - 1]);
		if (option_set(o, (enum option_id)id, optarg, err) != 0)
			return -1;
		*given |= UINT64_C(1) << (id - OPT_TO);
	}
	return 0;
}

static int check_options(enum command command, uint64_t given, struct err *err)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if ((given >> (table[i].id - OPT_TO) & 1) &&
		    !(commands_of(table[i].id) & 1u << command))
			return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
				       "'%s' has no option --%s (see mailhoist help %s)",
				       commands[command].name, table[i].name,
				       commands[command].name);
	return 0;
}

static int check_operands(const struct options *o, struct err *err)
{
	if (o->n_operands < commands[o->command].min)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "usage: mailhoist %s [OPTION...] %s", commands[o->command].name,
			       commands[o->command].operands);
	if (o->n_operands > commands[o->command].max)
		return option_usage(err,
				    "one operand too many:", o->operands[commands[o->command].max]);
	if (commands[o->command].needs_to && !o->to)
		return option_usage(err, "--to URL is missing", NULL);
	if (o->oauth_token_command &&
	    (o->password_command || o->password_file || o->password_fd >= 0))
		return option_usage(err, "a password or an OAuth token, not both", NULL);
	if (o->format == FORMAT_JSONL && o->command != COMMAND_SCAN && o->command != COMMAND_PLAN)
		return option_usage(err, "jsonl is a format of scan and plan", NULL);
	if (o->format == FORMAT_JSON && o->command == COMMAND_SCAN)
		return option_usage(err, "scan knows the formats text and jsonl", NULL);
	return 0;
}

int options_parse(int argc, char **argv, struct options *out, struct err *err)
{
	struct options o = { .password_fd = -1, .verify = VERIFY_HEADER };
	uint64_t given = 0;

	if (parse_options(argc, argv, &o, &given, err) != 0)
		return -1;
	o.operands = (const char *const *)argv + optind;
	o.n_operands = (size_t)(argc - optind);
	if (o.command == COMMAND_NONE) {
		if (o.n_operands == 0)
			return option_usage(err, "no command", NULL);
		o.command = command_find(o.operands[0]);
		if (o.command == COMMAND_NONE)
			return option_usage(err, "unknown command", o.operands[0]);
		o.operands++;
		o.n_operands--;
		if (check_options(o.command, given, err) != 0 || check_operands(&o, err) != 0)
			return -1;
		if (!o.file_given)
			o.file = o.command == COMMAND_PLAN ? FILE_PLAN : FILE_COPY;
	} else if (o.command == COMMAND_HELP && o.n_operands > 1) {
		o.n_operands = 1; /* `mailhoist run SOURCE --help`: help on run */
	}
	*out = o;
	return 0;
}
