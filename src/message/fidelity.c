/*
 * The names of what a composed message lacks. See fidelity.h.
 */
#include "message/fidelity.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
} rows[FIDELITY_COUNT] = {
	{ "header-synthesised", "no transport header: made from the item's properties" },
	{ "id-synthesised", "no Message-ID: made from the store's and the item's numbers" },
	{ "date-guessed", "no time of sending: the date is that of delivery or creation" },
	{ "address-unresolved", "an Exchange address whose mail address is not known" },
	{ "rtf-to-text", "only rich text: a plain text was made of it, the original is attached" },
	{ "rtf-damaged", "the rich text is damaged" },
	{ "charset-guessed", "the character set is unknown or wrong, and was guessed" },
	{ "attachment-truncated", "an attachment is shorter than the store says" },
	{ "attachment-missing", "an attachment's data is missing" },
	{ "attachment-referenced", "an attachment is only a path or link, not in the store" },
	{ "attachment-ole", "an attachment is an embedded object, not a file" },
	{ "header-only", "only the header was ever fetched" },
	{ "body-cut", "a part of the text is unreadable" },
	{ "recipients-damaged", "the table of recipients is damaged" },
	{ "calendar-synthesised", "a meeting request, made from the item's properties" },
	{ "rights-managed", "protected: readable only with the rights server" },
	{ "depth", "messages embedded deeper than is followed" },
	{ "no-body", "there is no text" },
	{ "header-repaired", "a line of the header is no field, too long, or unreadable" },
};

static size_t row_of(uint32_t bit)
{
	for (size_t i = 0; i < FIDELITY_COUNT; i++)
		if (bit == UINT32_C(1) << i)
			return i;
	return FIDELITY_COUNT;
}

const char *fidelity_name(uint32_t bit)
{
	size_t row = row_of(bit);

	return row < FIDELITY_COUNT ? rows[row].name : "";
}

const char *fidelity_text(uint32_t bit)
{
	size_t row = row_of(bit);

	return row < FIDELITY_COUNT ? rows[row].text : "";
}
