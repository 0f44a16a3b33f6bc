/*
 * Writing a message's facts as JSON. See facts.h.
 */
#include "report/facts.h"

#include "message/fidelity.h"

static void put_flags(struct json *j, const struct flag_set *flags)
{
	json_put_open(j, "flags", '[');
	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1)
		if (flags->system & bit)
			json_cstr(j, flag_name(bit));
	json_close(j, ']');
	json_put_open(j, "keywords", '[');
	for (size_t i = 0; i < flags->n_keywords; i++)
		json_cstr(j, flags->keywords[i]);
	json_close(j, ']');
}

static void put_repairs(struct json *j, uint32_t repairs)
{
	json_put_open(j, "repairs", '[');
	for (unsigned i = 0; i < REPAIR_COUNT; i++)
		if (repairs & UINT32_C(1) << i)
			json_cstr(j, repair_name(UINT32_C(1) << i));
	json_close(j, ']');
}

void facts_write_fidelity(struct json *j, uint32_t fidelity)
{
	json_open(j, '[');
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		if (fidelity & UINT32_C(1) << i)
			json_cstr(j, fidelity_name(UINT32_C(1) << i));
	json_close(j, ']');
}

void facts_write(struct json *j, const struct message_facts *m)
{
	json_put_text(j, "source", m->source);
	json_put_text(j, "kind", m->kind);
	json_put_open(j, "folder", '[');
	for (size_t i = 0; i < m->depth; i++)
		json_cstr(j, m->folder[i]);
	json_close(j, ']');
	json_put_text(j, "locator", m->locator);
	json_put_text(j, "message_id", m->message_id);
	json_key(j, "sha256");
	if (m->sha256)
		json_hex(j, m->sha256, SHA256_LEN);
	else
		json_null(j);
	json_put_number(j, "size", m->size);
	json_put_time(j, "internaldate", m->internaldate);
	json_put_text(j, "date_source", date_source_name(m->date_source));
	put_flags(j, m->flags);
	json_put_text(j, "state", state_name(m->state));
	put_repairs(j, m->repairs);
	json_key(j, "fidelity");
	facts_write_fidelity(j, m->fidelity);
}
