/*
 * Fuzz target: what comes over HTTP from an authorization server or a browser, and
 * files of providers. The first octet says which. Checked: nothing is longer than
 * its limit, and an answer that is whole stays so when more comes.
 */
#include <stdlib.h>

#include "oauth/http.h"
#include "oauth/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_http(struct slice in)
{
	CLEANUP(buf_release) struct buf body = BUF_INIT(HTTP_BODY_MAX);
	CLEANUP(buf_release) struct buf again = BUF_INIT(HTTP_BODY_MAX);
	struct err err = ERR_INIT;
	int status = 0;

	for (size_t len = 0; len <= in.len; len += 1 + in.len / 8) {
		if (http_answer_read(slice_head(in, len), false, &status, &body, &err) <= 0)
			continue;
		if (http_answer_read(in, true, &status, &again, &err) != 1 ||
		    !slice_eq(buf_slice(&body), buf_slice(&again)))
			abort();
	}
	(void)http_answer_read(in, true, &status, &body, &err);
}

static void read_answer(struct slice in)
{
	CLEANUP(oauth_answer_release) struct oauth_answer answer;
	CLEANUP(oauth_grant_release) struct oauth_grant grant;
	struct err err = ERR_INIT;

	oauth_answer_init(&answer);
	oauth_grant_init(&grant);
	if (oauth_answer_read(&answer, in, &err) == 0) {
		if (answer.access_token.len > OAUTH_TOKEN_MAX || answer.error.len > OAUTH_WORD_MAX)
			abort();
		(void)oauth_failed(&answer, SLICE_LIT("refresh_token=secret%2Fsecret"), "p", "it",
				   &err);
		(void)oauth_grant_take(&grant, &answer, &err);
	}
	(void)oauth_grant_read(&grant, in, &err);
}

static void read_providers(struct slice in)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
	struct oauth_provider p;
	struct err err = ERR_INIT;

	if (oauth_provider_find(in, NULL, "h", &a, &p, &err) > 0)
		(void)oauth_provider_prepare(&p, "t", &a, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf word = BUF_INIT(100);
	struct slice in = slice_from(slice_of(data, size), 1);

	if (size == 0)
		return 0;
	switch (data[0] % 4) {
	case 0:
		read_http(in);
		break;
	case 1:
		read_answer(in);
		break;
	case 2:
		read_providers(in);
		break;
	default:
		(void)oauth_read_visit(in, "right", &word);
	}
	return 0;
}
