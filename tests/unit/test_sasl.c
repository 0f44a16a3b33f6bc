/*
 * imap/sasl.c: choosing, the conversations octet for octet (with the examples of
 * RFC 4616, 5802 and 7677), and servers that say the wrong thing.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "imap/sasl.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const char binding[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			      "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

/* ---- choosing ---- */

#define B(mech) SASL_BIT(SASL_##mech)
#define ALL_OF_THEM                                                                                \
	(B(EXTERNAL) | B(LOGIN) | B(PLAIN) | B(SCRAM_SHA_1) | B(SCRAM_SHA_1_PLUS) |                \
	 B(SCRAM_SHA_256) | B(SCRAM_SHA_256_PLUS) | B(XOAUTH2) | B(OAUTHBEARER))

Test(sasl, names)
{
	static const struct {
		const char *name;
		enum sasl_mech want;
	} rows[] = {
		{ "PLAIN", SASL_PLAIN },
		{ "plain", SASL_PLAIN },
		{ "LOGIN", SASL_LOGIN },
		{ "EXTERNAL", SASL_EXTERNAL },
		{ "SCRAM-SHA-1", SASL_SCRAM_SHA_1 },
		{ "SCRAM-SHA-1-PLUS", SASL_SCRAM_SHA_1_PLUS },
		{ "xoauth2", SASL_XOAUTH2 },
		{ "OAUTHBEARER", SASL_OAUTHBEARER },
		{ "scram-sha-256", SASL_SCRAM_SHA_256 },
		{ "SCRAM-SHA-256-PLUS", SASL_SCRAM_SHA_256_PLUS },
		{ "SCRAM-SHA-512", SASL_NONE },
		{ "CRAM-MD5", SASL_NONE },
		{ "", SASL_NONE },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect_eq(sasl_mech_from_name(slice_str(rows[i].name)), rows[i].want, "%s",
			     rows[i].name);
	cr_expect_str_eq(sasl_mech_name(SASL_SCRAM_SHA_256), "SCRAM-SHA-256");
	cr_expect_str_eq(sasl_mech_name(SASL_NONE), "");
}

Test(sasl, choose)
{
	static const struct {
		const char *name;
		struct sasl_situation situation;
		enum sasl_mech want;
	} rows[] = {
		{ "all", { ALL_OF_THEM, NULL, true, true, false, false }, SASL_SCRAM_SHA_256_PLUS },
		{ "no binding",
		  { ALL_OF_THEM, NULL, true, false, false, false },
		  SASL_SCRAM_SHA_256 },
		{ "SHA-1 with binding, SHA-256 without",
		  { B(SCRAM_SHA_1_PLUS) | B(SCRAM_SHA_256), NULL, true, true, false, false },
		  SASL_SCRAM_SHA_256 },
		{ "SHA-1",
		  { B(SCRAM_SHA_1) | B(PLAIN), NULL, true, false, false, false },
		  SASL_SCRAM_SHA_1 },
		{ "PLAIN before LOGIN",
		  { B(LOGIN) | B(PLAIN), NULL, true, false, false, false },
		  SASL_PLAIN },
		{ "LOGIN", { B(LOGIN), NULL, true, false, false, false }, SASL_LOGIN },
		{ "LOGIN cannot act for another",
		  { B(LOGIN), NULL, true, false, true, false },
		  SASL_NONE },
		{ "no clear text",
		  { B(LOGIN) | B(PLAIN), NULL, false, false, false, false },
		  SASL_NONE },
		{ "SCRAM without TLS",
		  { ALL_OF_THEM, NULL, false, false, false, false },
		  SASL_SCRAM_SHA_256 },
		{ "nothing offered", { 0, NULL, true, true, false, false }, SASL_NONE },
		{ "EXTERNAL is not for guessing",
		  { B(EXTERNAL), NULL, true, true, false, false },
		  SASL_NONE },
		{ "EXTERNAL wanted",
		  { ALL_OF_THEM, "external", true, true, false, false },
		  SASL_EXTERNAL },
		{ "PLAIN wanted", { ALL_OF_THEM, "PLAIN", true, true, false, false }, SASL_PLAIN },
		{ "a password by no token mechanism",
		  { B(XOAUTH2) | B(OAUTHBEARER), NULL, true, true, false, false },
		  SASL_NONE },
		{ "token", { ALL_OF_THEM, NULL, true, true, false, true }, SASL_XOAUTH2 },
		{ "token by OAUTHBEARER",
		  { ALL_OF_THEM & ~B(XOAUTH2), NULL, true, true, false, true },
		  SASL_OAUTHBEARER },
		{ "OAUTHBEARER wanted",
		  { ALL_OF_THEM, "oauthbearer", true, true, false, true },
		  SASL_OAUTHBEARER },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err err = ERR_INIT;
		enum sasl_mech got = SASL_COUNT;

		cr_expect_eq(sasl_choose(&rows[i].situation, &got, &err), 0, "%s: %s", rows[i].name,
			     err.text);
		cr_expect_eq(got, rows[i].want, "%s: %s", rows[i].name, sasl_mech_name(got));
	}
}

Test(sasl, choose_refused)
{
	static const struct {
		const char *name;
		struct sasl_situation situation;
		enum err_code want;
	} rows[] = {
		{ "unknown", { ALL_OF_THEM, "CRAM-MD5", true, true, false, false }, ERR_USAGE },
		{ "not offered", { B(LOGIN), "PLAIN", true, true, false, false }, ERR_UNAVAILABLE },
		{ "in clear text",
		  { ALL_OF_THEM, "PLAIN", false, true, false, false },
		  ERR_UNAVAILABLE },
		{ "no binding",
		  { ALL_OF_THEM, "SCRAM-SHA-256-PLUS", true, false, false, false },
		  ERR_UNAVAILABLE },
		{ "a token where only passwords are taken",
		  { B(PLAIN) | B(LOGIN), NULL, true, true, false, true },
		  ERR_UNAVAILABLE },
		{ "a token in clear text",
		  { ALL_OF_THEM, NULL, false, true, false, true },
		  ERR_UNAVAILABLE },
		{ "a token for another",
		  { ALL_OF_THEM, NULL, true, true, true, true },
		  ERR_UNAVAILABLE },
		{ "a token as a password",
		  { ALL_OF_THEM, "PLAIN", true, true, false, true },
		  ERR_UNAVAILABLE },
		{ "a password as a token",
		  { ALL_OF_THEM, "XOAUTH2", true, true, false, false },
		  ERR_UNAVAILABLE },
		{ "LOGIN for another",
		  { ALL_OF_THEM, "LOGIN", true, true, true, false },
		  ERR_UNAVAILABLE },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err err = ERR_INIT;
		enum sasl_mech got = SASL_COUNT;

		cr_expect_eq(sasl_choose(&rows[i].situation, &got, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, rows[i].want, "%s: %s", rows[i].name, err.text);
		cr_expect_eq(got, SASL_COUNT, "%s: touched", rows[i].name);
	}
}

/* ---- conversations ---- */

struct login {
	enum sasl_mech mech;
	const char *user, *authzid, *secret;
	bool bind;
	uint32_t offered;
	const char *nonce;
};

static struct sasl *begin(const struct login *l)
{
	struct sasl_options o = { .mech = l->mech,
				  .offered = l->offered,
				  .user = l->user,
				  .authzid = l->authzid,
				  .secret = slice_str(l->secret),
				  .nonce = l->nonce };
	struct err err = ERR_INIT;
	struct sasl *s = NULL;

	if (l->bind)
		o.binding = slice_of(binding, 32);
	cr_assert_eq(sasl_new(&o, &s, &err), 0, "%s", err.text);
	return s;
}

/* What the client says first; NULs are shown as '|'. "-" when the server begins. */
static void expect_initial(const char *name, struct sasl *s, const char *want)
{
	CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
	struct err err = ERR_INIT;
	int rc = sasl_initial(s, &got, &err);

	cr_assert(rc >= 0, "%s: %s", name, err.text);
	for (size_t i = 0; i < got.len; i++)
		if (got.ptr[i] == '\0')
			got.ptr[i] = '|';
	cr_assert(buf_cstr(&got));
	cr_expect_str_eq(rc == 0 ? "-" : got.ptr, want, "%s: %s", name, got.ptr);
}

static int step(struct sasl *s, const char *challenge, struct buf *got, struct err *err)
{
	return sasl_step(s, slice_str(challenge), got, err);
}

static void expect_step(const char *name, struct sasl *s, const char *challenge, const char *want)
{
	CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
	struct err err = ERR_INIT;

	cr_assert_eq(step(s, challenge, &got, &err), 0, "%s: %s", name, err.text);
	cr_expect_str_eq(buf_cstr(&got), want, "%s: %s", name, got.ptr);
}

Test(sasl, plain)
{
	static const struct {
		const char *name, *user, *authzid, *want;
	} rows[] = {
		{ "RFC 4616", "tim", NULL, "|tim|tanstaaftanstaaf" },
		{ "for another", "Kurt", "Ursel", "Ursel|Kurt|tanstaaftanstaaf" },
		{ "UTF-8", "J\xC3\xB6rg", NULL, "|J\xC3\xB6rg|tanstaaftanstaaf" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl *s = begin(&(struct login){ .mech = SASL_PLAIN,
							.user = rows[i].user,
							.authzid = rows[i].authzid,
							.secret = "tanstaaftanstaaf" });
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(100);
		struct err err = ERR_INIT;

		cr_expect_not(sasl_password_used(s));
		expect_initial(rows[i].name, s, rows[i].want);
		cr_expect(sasl_password_used(s));
		cr_expect_eq(sasl_finish(s, &err), 0);
		cr_expect_eq(step(s, "", &got, &err), -1, "%s: nothing more to say", rows[i].name);
		cr_expect_eq(err.code, ERR_PROTOCOL);
		sasl_free(s);
	}
}

Test(sasl, login)
{
	struct sasl *s =
		begin(&(struct login){ .mech = SASL_LOGIN, .user = "tim", .secret = "secret" });
	CLEANUP(sasl_wipe) struct buf got = BUF_INIT(100);
	struct err err = ERR_INIT;

	expect_initial("LOGIN", s, "-");
	cr_expect_eq(sasl_finish(s, &err), -1, "too early");
	expect_step("name", s, "User Name", "tim");
	cr_expect_not(sasl_password_used(s));
	expect_step("password", s, "Password:", "secret");
	cr_expect(sasl_password_used(s));
	cr_expect_eq(sasl_finish(s, &err), 0);
	cr_expect_eq(step(s, "PIN:", &got, &err), -1);
	sasl_free(s);
}

/* The examples of RFC 7628 4.1 and 4.3 and of Google's and Microsoft's pages; ^A is shown as '!'.
 */
Test(sasl, tokens)
{
	static const struct {
		const char *name;
		enum sasl_mech mech;
		const char *user, *host, *port, *want;
	} rows[] = {
		{ "RFC 7628", SASL_OAUTHBEARER, "user@example.com", "server.example.com", "143",
		  "n,a=user@example.com,!host=server.example.com!port=143!"
		  "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==!!" },
		{ "no host", SASL_OAUTHBEARER, "user@example.com", NULL, NULL,
		  "n,a=user@example.com,!auth=Bearer "
		  "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==!!" },
		{ "commas", SASL_OAUTHBEARER, "a,b=c", NULL, NULL,
		  "n,a=a=2Cb=3Dc,!auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==!!" },
		{ "XOAUTH2", SASL_XOAUTH2, "user@example.com", "ignored", "143",
		  "user=user@example.com!auth=Bearer "
		  "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==!!" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl_options o = { .mech = rows[i].mech,
					  .user = rows[i].user,
					  .host = rows[i].host,
					  .port = rows[i].port,
					  .secret = SLICE_LIT(
						  "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==") };
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
		struct err err = ERR_INIT;
		struct sasl *s;

		cr_assert_eq(sasl_new(&o, &s, &err), 0, "%s: %s", rows[i].name, err.text);
		cr_expect_eq(sasl_initial(s, &got, &err), 1, "%s", rows[i].name);
		for (size_t at = 0; at < got.len; at++)
			if (got.ptr[at] == '\001')
				got.ptr[at] = '!';
		cr_expect_str_eq(buf_cstr(&got), rows[i].want, "%s", rows[i].name);
		cr_expect(sasl_password_used(s), "%s", rows[i].name);
		cr_expect_eq(sasl_finish(s, &err), 0, "%s", rows[i].name);
		cr_expect_null(sasl_refusal(s), "%s", rows[i].name);
		sasl_free(s);
	}
}

/* The server's reason is told in words of ours: its own could repeat the token. */
Test(sasl, refused_tokens)
{
	static const struct {
		const char *name;
		enum sasl_mech mech;
		const char *in, *answer, *want;
	} rows[] = {
		{ "Dovecot, XOAUTH2", SASL_XOAUTH2,
		  "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}", "",
		  "status 401: it has expired" },
		{ "RFC 7628", SASL_OAUTHBEARER,
		  "{\"status\":\"invalid_token\",\"scope\":\"example_scope\",\"openid-"
		  "configuration\":\"https://example.com/.well-known/openid-configuration\"}",
		  "\001", "invalid_token: it has expired" },
		{ "Google", SASL_XOAUTH2,
		  "{\"status\":\"400\",\"schemes\":\"Bearer\",\"scope\":\"https://mail.google.com/"
		  "\"}",
		  "", "status 400: it is not valid" },
		{ "a number", SASL_XOAUTH2, "{\"status\":403}", "", "status 403" },
		{ "scope", SASL_OAUTHBEARER, "{\"status\":\"insufficient_scope\"}", "\001",
		  "insufficient_scope" },
		{ "the token", SASL_XOAUTH2, "{\"status\":\"canary\"}", "",
		  "a reason that mailhoist does not know" },
		{ "very long", SASL_XOAUTH2,
		  "{\"status\":\"01234567890123456789012345678901234567890123456789\"}", "",
		  "no reason given" },
		{ "inside", SASL_XOAUTH2, "{\"x\":{\"status\":\"401\"}}", "", "no reason given" },
		{ "nothing", SASL_XOAUTH2, "", "", "no reason given" },
		{ "garbage", SASL_OAUTHBEARER, "\xFF}[", "\001", "no reason given" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl *s = begin(
			&(struct login){ .mech = rows[i].mech, .user = "tim", .secret = "canary" });
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
		struct err err = ERR_INIT;

		cr_assert_eq(sasl_initial(s, &got, &err), 1);
		expect_step(rows[i].name, s, rows[i].in, rows[i].answer);
		cr_assert_not_null(sasl_refusal(s), "%s", rows[i].name);
		cr_expect(strncmp(sasl_refusal(s), rows[i].want, strlen(rows[i].want)) == 0,
			  "%s: %s", rows[i].name, sasl_refusal(s));
		cr_expect_eq(sasl_finish(s, &err), -1, "%s: OK after a refusal", rows[i].name);
		cr_expect_eq(step(s, "{}", &got, &err), -1, "%s: it goes on", rows[i].name);
		sasl_free(s);
	}
}

Test(sasl, unusable_tokens)
{
	static const char *const rows[] = { "", "a b", "a\001b", "a\nb", "\xC3\xB6" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl_options o = { .mech = SASL_XOAUTH2,
					  .user = "tim",
					  .secret = slice_str(rows[i]) };
		struct err err = ERR_INIT;
		struct sasl *s = NULL;

		cr_expect_eq(sasl_new(&o, &s, &err), -1, "%zu", i);
		cr_expect_eq(err.code, ERR_AUTH, "%zu", i);
		cr_expect(!strstr(err.text, "a b"), "%s", err.text);
	}
}

Test(sasl, external)
{
	struct sasl *s = begin(&(struct login){ .mech = SASL_EXTERNAL });
	struct err err = ERR_INIT;

	expect_initial("nobody else", s, "");
	cr_expect_eq(sasl_finish(s, &err), 0);
	sasl_free(s);
	s = begin(&(struct login){ .mech = SASL_EXTERNAL, .authzid = "fred" });
	expect_initial("for another", s, "fred");
	sasl_free(s);
}

Test(sasl, scram)
{
	static const struct {
		const char *name;
		struct login login;
		const char *client_first, *server_first, *client_final, *server_final;
	} rows[] = {
		{ "RFC 5802",
		  { SASL_SCRAM_SHA_1, "user", NULL, "pencil", false, 0,
		    "fyko+d2lbbFgONRv9qkxdawL" },
		  "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
		  "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		  "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
		  "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		  "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
		{ "RFC 7677",
		  { SASL_SCRAM_SHA_256, "user", NULL, "pencil", false, 0, "rOprNGfwEbeRWgbNEkqO" },
		  "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
		  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		  "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		  "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
		{ "commas and equals signs in names, UTF-8",
		  { SASL_SCRAM_SHA_256, "us=er,\xC3\xBC", "bo=ss,", "pa\xC3\x9F wort", false, 0,
		    "abc" },
		  "n,a=bo=3Dss=2C,n=us=3Der=2C\xC3\xBC,r=abc",
		  "r=abcdef,s=c2FsdA==,i=4096",
		  "c=bixhPWJvPTNEc3M9MkMs,r=abcdef,p=948lXBl7MZfn91+lHyXDb6X2uYzXY3Eu095yhL+ZQvQ=",
		  "v=FQXdcziGjlDbiT4DRy2AslU3/hzfliRHF+JoLnvO4KA=" },
		{ "bound to the channel",
		  { SASL_SCRAM_SHA_256_PLUS, "user", NULL, "pencil", true,
		    B(SCRAM_SHA_256_PLUS) | B(SCRAM_SHA_256), "abc" },
		  "p=tls-exporter,,n=user,r=abc",
		  "r=abcdef,s=c2FsdA==,i=5000",
		  "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,r=abcdef,"
		  "p=gS4Y+JeeTcVxvyWh4M0AGG1F2ozfuc3VuwSEvoPvufQ=",
		  "v=F0i+hWQMzBxi+dVgj9W3jibQ+NzzwEjt8anjeTkN48E=" },
		{ "bound to the channel, SHA-1",
		  { SASL_SCRAM_SHA_1_PLUS, "user", NULL, "pencil", true, B(SCRAM_SHA_1_PLUS),
		    "abc" },
		  "p=tls-exporter,,n=user,r=abc",
		  "r=abcdef,s=c2FsdA==,i=4096",
		  "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,r=abcdef,"
		  "p=EZP52JjW3n8H/v/6vL0CL3+2k8U=",
		  "v=3g3N9sfCZry99Vu4ocNTixZqpsI=" },
		{ "we could bind and saw no -PLUS: y",
		  { SASL_SCRAM_SHA_256, "user", NULL, "pencil", true,
		    B(SCRAM_SHA_256) | B(SCRAM_SHA_1_PLUS), "abc" },
		  "y,,n=user,r=abc",
		  "r=abcdef,s=c2FsdA==,i=4096",
		  "c=eSws,r=abcdef,p=PHSVkBDSz+ePuoaxECOweoqO40xJpGnLbdUWRzuqsD8=",
		  "v=tVLZ5oZY9JtAXRMuRUuKUzfTnWF07nz0EmwaNj9bRIk=" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl *s = begin(&rows[i].login);
		struct err err = ERR_INIT;

		expect_initial(rows[i].name, s, rows[i].client_first);
		cr_expect_not(sasl_password_used(s), "%s", rows[i].name);
		cr_expect_eq(sasl_finish(s, &err), -1, "%s: OK before the proof", rows[i].name);
		expect_step(rows[i].name, s, rows[i].server_first, rows[i].client_final);
		cr_expect(sasl_password_used(s), "%s", rows[i].name);
		cr_expect_eq(sasl_finish(s, &err), -1, "%s: OK without signature", rows[i].name);
		cr_expect_eq(err.code, ERR_AUTH, "%s", rows[i].name);
		expect_step(rows[i].name, s, rows[i].server_final, "");
		cr_expect_eq(sasl_finish(s, &err), 0, "%s", rows[i].name);
		sasl_free(s);
	}
}

/* We could bind, the server offers it, and we were told to do without: plain "n". */
Test(sasl, scram_without_offered_plus)
{
	struct sasl *s = begin(&(struct login){ .mech = SASL_SCRAM_SHA_256,
						.user = "user",
						.secret = "pencil",
						.bind = true,
						.offered = B(SCRAM_SHA_256_PLUS),
						.nonce = "abc" });

	expect_initial("n", s, "n,,n=user,r=abc");
	sasl_free(s);
}

Test(sasl, scram_bad_server_first)
{
	static const struct {
		const char *name, *in;
		enum err_code want;
	} rows[] = {
		{ "empty", "", ERR_PROTOCOL },
		{ "nonce is not ours", "r=xyzdef,s=c2FsdA==,i=4096", ERR_PROTOCOL },
		{ "nonce is ours alone", "r=abc,s=c2FsdA==,i=4096", ERR_PROTOCOL },
		{ "nonce is shorter", "r=ab,s=c2FsdA==,i=4096", ERR_PROTOCOL },
		{ "mandatory extension", "m=x,r=abcdef,s=c2FsdA==,i=4096", ERR_PROTOCOL },
		{ "wrong order", "s=c2FsdA==,r=abcdef,i=4096", ERR_PROTOCOL },
		{ "no salt", "r=abcdef,i=4096", ERR_PROTOCOL },
		{ "empty salt", "r=abcdef,s=,i=4096", ERR_PROTOCOL },
		{ "salt is not base64", "r=abcdef,s=c2FsdA,i=4096", ERR_PROTOCOL },
		{ "no rounds", "r=abcdef,s=c2FsdA==", ERR_PROTOCOL },
		{ "rounds are no number", "r=abcdef,s=c2FsdA==,i=4096x", ERR_PROTOCOL },
		{ "rounds beyond 64 bits", "r=abcdef,s=c2FsdA==,i=99999999999999999999",
		  ERR_PROTOCOL },
		{ "too few rounds", "r=abcdef,s=c2FsdA==,i=4095", ERR_AUTH },
		{ "no rounds at all", "r=abcdef,s=c2FsdA==,i=0", ERR_AUTH },
		{ "too many rounds", "r=abcdef,s=c2FsdA==,i=5000001", ERR_AUTH },
		{ "control characters", "r=abc\ndef,s=c2FsdA==,i=4096", ERR_PROTOCOL },
		{ "final at once", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ERR_PROTOCOL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl *s = begin(&(struct login){ .mech = SASL_SCRAM_SHA_256,
							.user = "user",
							.secret = "pencil",
							.nonce = "abc" });
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
		struct err err = ERR_INIT;

		expect_initial(rows[i].name, s, "n,,n=user,r=abc");
		cr_expect_eq(step(s, rows[i].in, &got, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, rows[i].want, "%s: %s", rows[i].name, err.text);
		cr_expect_eq(got.len, 0, "%s: said something", rows[i].name);
		cr_expect_not(sasl_password_used(s), "%s", rows[i].name);
		cr_expect_eq(sasl_finish(s, &err), -1, "%s: OK after all", rows[i].name);
		sasl_free(s);
	}
}

Test(sasl, scram_bad_server_final)
{
	static const struct {
		const char *name, *in;
		enum err_code want;
		const char *text;
	} rows[] = {
		{ "empty", "", ERR_PROTOCOL, "no signature" },
		{ "refused", "e=invalid-proof", ERR_AUTH, "invalid-proof" },
		{ "refused in odd words", "e=\x1b[2J\xFF", ERR_AUTH, "'?[2J?'" },
		{ "signature of another",
		  "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_AUTH, "impostor" },
		{ "signature cut", "v=6rriTRBi23WpRR/wtup+mMhUZUk=", ERR_AUTH, "impostor" },
		{ "empty signature", "v=", ERR_AUTH, "impostor" },
		{ "not base64", "v=6rriT", ERR_PROTOCOL, "no signature" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sasl *s = begin(&(struct login){ .mech = SASL_SCRAM_SHA_256,
							.user = "user",
							.secret = "pencil",
							.nonce = "rOprNGfwEbeRWgbNEkqO" });
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
		struct err err = ERR_INIT;

		expect_initial(rows[i].name, s, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
		cr_assert_eq(step(s,
				  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				  "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
				  &got, &err),
			     0);
		cr_expect_eq(step(s, rows[i].in, &got, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, rows[i].want, "%s: %s", rows[i].name, err.text);
		cr_expect(strstr(err.text, rows[i].text), "%s: %s", rows[i].name, err.text);
		cr_expect_eq(sasl_finish(s, &err), -1, "%s: OK after all", rows[i].name);
		sasl_free(s);
	}
}

/* Two logins never use the same nonce, and it fits into the grammar. */
Test(sasl, nonce)
{
	CLEANUP(sasl_wipe) struct buf first = BUF_INIT(SASL_RESPONSE_MAX);
	CLEANUP(sasl_wipe) struct buf second = BUF_INIT(SASL_RESPONSE_MAX);
	const struct login l = { .mech = SASL_SCRAM_SHA_256, .user = "user", .secret = "pencil" };
	struct sasl *a = begin(&l), *b = begin(&l);
	struct err err = ERR_INIT;

	cr_assert_eq(sasl_initial(a, &first, &err), 1);
	cr_assert_eq(sasl_initial(b, &second, &err), 1);
	cr_expect_eq(first.len, strlen("n,,n=user,r=") + 24);
	cr_expect_eq(second.len, first.len);
	cr_expect_not(slice_eq(buf_slice(&first), buf_slice(&second)));
	sasl_free(a);
	sasl_free(b);
}

static char long_text[SASL_SECRET_MAX + 2];

Test(sasl, unusable_names_and_passwords)
{
	static const struct {
		const char *name, *user, *authzid, *secret;
		const char *text;
	} rows[] = {
		{ "no name", "", NULL, "pencil", "user name is empty" },
		{ "no password", "user", NULL, "", "password is empty" },
		{ "empty authorization name", "user", "", "pencil", "authorization name is empty" },
		{ "line end in the name", "us\ner", NULL, "pencil", "control characters" },
		{ "line end in the password", "user", NULL, "pencil\n", "control characters" },
		{ "DEL in the password", "user", NULL, "pen\x7f", "control characters" },
		{ "long password", "user", NULL, long_text, "password is too long" },
		{ "long name", long_text, NULL, "pencil", "user name is too long" },
	};

	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct sasl_options o = { .mech = SASL_PLAIN,
						.user = rows[i].user,
						.authzid = rows[i].authzid,
						.secret = slice_str(rows[i].secret) };
		struct err err = ERR_INIT;
		struct sasl *s = NULL;

		cr_expect_eq(sasl_new(&o, &s, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, ERR_AUTH, "%s", rows[i].name);
		cr_expect(strstr(err.text, rows[i].text), "%s: %s", rows[i].name, err.text);
		cr_expect_null(s);
	}
}

/* The longest of everything fits, in every mechanism. */
Test(sasl, limits)
{
	static char name[SASL_NAME_MAX + 1], secret[SASL_SECRET_MAX + 1];

	memset(name, ',', SASL_NAME_MAX); /* the character that grows */
	memset(secret, 'x', SASL_SECRET_MAX);
	for (enum sasl_mech mech = SASL_EXTERNAL; mech < SASL_COUNT; mech++) {
		struct sasl *s = begin(&(struct login){ mech, name, name, secret, true, 0, "abc" });
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
		struct err err = ERR_INIT;

		cr_expect(sasl_initial(s, &got, &err) >= 0, "%s: %s", sasl_mech_name(mech),
			  err.text);
		if (mech == SASL_LOGIN || mech >= SASL_SCRAM_SHA_1)
			cr_expect_eq(step(s, "r=abcdef,s=c2FsdA==,i=4096", &got, &err), 0, "%s: %s",
				     sasl_mech_name(mech), err.text);
		sasl_free(s);
	}
}

Test(sasl, challenge_limit)
{
	static char challenge[SASL_CHALLENGE_MAX + 2];
	static const char begins[] = "r=abcdef,s=c2FsdA==,i=4096,x=";

	for (size_t over = 0; over < 2; over++) {
		struct sasl *s = begin(&(struct login){ .mech = SASL_SCRAM_SHA_256,
							.user = "user",
							.secret = "pencil",
							.nonce = "abc" });
		CLEANUP(sasl_wipe) struct buf got = BUF_INIT(SASL_RESPONSE_MAX);
		struct err err = ERR_INIT;

		memset(challenge, 'x', sizeof(challenge) - 1);
		memcpy(challenge, begins, sizeof(begins) - 1);
		challenge[SASL_CHALLENGE_MAX + over] = '\0';
		sasl_initial(s, &got, &err);
		cr_expect_eq(step(s, challenge, &got, &err), over ? -1 : 0, "over by %zu: %s", over,
			     err.text);
		sasl_free(s);
	}
}

/* ---- base64 ---- */

Test(sasl, base64)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xFF\xFE\xFB", "//77" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(100);
		CLEANUP(buf_release) struct buf bytes = BUF_INIT(100);

		sasl_base64_encode(&text, slice_str(rows[i].bytes));
		cr_expect_str_eq(buf_cstr(&text), rows[i].text);
		cr_expect(sasl_base64_decode(&bytes, slice_str(rows[i].text)), "%s", rows[i].text);
		cr_expect_str_eq(buf_cstr(&bytes), rows[i].bytes);
	}
}

Test(sasl, base64_refused)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "no padding", "Zg" },
		{ "half the padding", "Zg=" },
		{ "too much padding", "Z===" },
		{ "padding alone", "====" },
		{ "padding within", "Zg==Zg==" },
		{ "bits behind the end", "Zh==" },
		{ "blank", "Zm9v " },
		{ "line end", "Zm9v\r\n" },
		{ "URL alphabet", "__77" },
		{ "8-bit", "Zm9\xFF" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf bytes = BUF_INIT(100);

		buf_adds(&bytes, "kept");
		cr_expect_not(sasl_base64_decode(&bytes, slice_str(rows[i].text)), "%s",
			      rows[i].name);
		cr_expect_str_eq(buf_cstr(&bytes), "kept", "%s", rows[i].name);
	}
}

/* A decoded challenge that does not fit shows in the buffer. */
Test(sasl, base64_limit)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT(6);
	struct err err = ERR_INIT;

	cr_expect(sasl_base64_decode(&bytes, SLICE_LIT("Zm9vYmFy")));
	cr_expect_eq(buf_ok(&bytes, "challenge", &err), 0);
	buf_reset(&bytes);
	sasl_base64_decode(&bytes, SLICE_LIT("Zm9vYmFyYg=="));
	cr_expect_eq(buf_ok(&bytes, "challenge", &err), -1);
}
