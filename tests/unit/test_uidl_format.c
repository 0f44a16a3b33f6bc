/*
 * match/uidl_format.h: UIDLs and what they were made of.
 */
#include <criterion/criterion.h>

#include "match/uidl_format.h"

static const struct {
	const char *uidl;
	enum uidl_format format;
	uint32_t uid, uidvalidity; /* uid 0: cannot be of that format */
} rows[] = {
	/* as Dovecot 2.3 printed it */
	{ "0000000c6b02ab04", UIDL_DOVECOT, 12, 0x6b02ab04 },
	{ "0000000C6B02AB04", UIDL_DOVECOT, 12, 0x6b02ab04 },
	{ "ffffffffffffffff", UIDL_DOVECOT, UINT32_MAX, UINT32_MAX },
	{ "6b02ab040000000c", UIDL_UW, 12, 0x6b02ab04 },
	{ "000000006b02ab04", UIDL_DOVECOT, 0, 0 }, /* no UID is 0 */
	{ "0000000c00000000", UIDL_DOVECOT, 0, 0 },
	{ "c6b02ab04", UIDL_DOVECOT, 0, 0 },
	{ "0000000c6b02ab0", UIDL_DOVECOT, 0, 0 },
	{ "0000000c6b02ab041", UIDL_DOVECOT, 0, 0 },
	{ "0000000g6b02ab04", UIDL_DOVECOT, 0, 0 },
	{ "0x00000c6b02ab04", UIDL_DOVECOT, 0, 0 },
	{ "+000000c6b02ab04", UIDL_DOVECOT, 0, 0 },
	{ "1795336964.12", UIDL_CYRUS, 12, 1795336964 },
	{ "4294967295.4294967295", UIDL_CYRUS, UINT32_MAX, UINT32_MAX },
	{ "4294967296.1", UIDL_CYRUS, 0, 0 },
	{ "1.4294967296", UIDL_CYRUS, 0, 0 },
	{ "1795336964.012", UIDL_CYRUS, 0, 0 },
	{ "1795336964.", UIDL_CYRUS, 0, 0 },
	{ ".12", UIDL_CYRUS, 0, 0 },
	{ "1795336964.12.3", UIDL_CYRUS, 0, 0 },
	{ "1795336983.M969751P22103Q1.vm", UIDL_CYRUS, 0, 0 },
	{ "UID12-1795336964", UIDL_COURIER, 12, 1795336964 },
	{ "UID-1795336964", UIDL_COURIER, 0, 0 },
	{ "12-1795336964", UIDL_COURIER, 0, 0 },
	{ "1795336964-12", UIDL_COURIER_OLD, 12, 1795336964 },
	{ "12", UIDL_UID, 12, 0 },
	{ "4294967295", UIDL_UID, UINT32_MAX, 0 },
	{ "4294967296", UIDL_UID, 0, 0 },
	{ "0", UIDL_UID, 0, 0 },
	{ "-1", UIDL_UID, 0, 0 },
	{ "", UIDL_UID, 0, 0 },
	{ "", UIDL_DOVECOT, 0, 0 },
	{ "", UIDL_CYRUS, 0, 0 },
	{ "", UIDL_COURIER, 0, 0 },
	{ "12", UIDL_NONE, 0, 0 },
	{ "12", UIDL_LISTED, 0, 0 },
	{ "GmailId15c3a1b2d4e5f607", UIDL_DOVECOT, 0, 0 },
};

Test(uidl_format, decode)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct uidl_ids ids = { 7, 7 };
		bool good = uidl_decode(rows[i].format, slice_str(rows[i].uidl), &ids);

		cr_expect(good == (rows[i].uid > 0), "'%s' as %d", rows[i].uidl, rows[i].format);
		cr_expect(
			!good || (ids.uid == rows[i].uid && ids.uidvalidity == rows[i].uidvalidity),
			"'%s': %u, %u", rows[i].uidl, ids.uid, ids.uidvalidity);
		cr_expect(good || (ids.uid == 7 && ids.uidvalidity == 7), "untouched");
	}
	for (enum uidl_format f = 0; f < UIDL_FORMAT_COUNT; f++)
		cr_expect(uidl_format_name(f) != NULL);
}
