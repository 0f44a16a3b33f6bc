/*
 * What an item is, by its message class. See compose.h. Classes are dotted and
 * get more special to the right ("IPM.Contact.Our.Form" is a contact).
 */
#include "mime/compose.h"

static const struct {
	const char *class;
	enum item_kind kind;
} rows[] = {
	{ "IPM.Contact", ITEM_CONTACT },
	{ "IPM.AbchPerson", ITEM_CONTACT },
	{ "IPM.DistList", ITEM_LIST },
	{ "IPM.Appointment", ITEM_APPOINTMENT },
	/* an exception of a recurring appointment */
	{ "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", ITEM_APPOINTMENT },
	{ "IPM.Task", ITEM_TASK },
	{ "IPM.StickyNote", ITEM_NOTE },
	{ "IPM.Activity", ITEM_JOURNAL },
	{ "IPM.Microsoft.ScheduleData", ITEM_OTHER },
	{ "IPM.Microsoft.FolderDesign", ITEM_OTHER },
	{ "IPM.Microsoft.WunderBar", ITEM_OTHER },
	{ "IPM.Configuration", ITEM_OTHER },
	{ "IPM.Rule", ITEM_OTHER },
	{ "IPM.ExtendedRule", ITEM_OTHER },
	{ "IPC", ITEM_OTHER },
};

enum item_kind item_kind(const char *message_class)
{
	struct slice class = slice_trim(slice_str(message_class));

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice row = slice_str(rows[i].class);

		if (slice_istarts(class, row) &&
		    (class.len == row.len || class.ptr[row.len] == '.'))
			return rows[i].kind;
	}
	return ITEM_MAIL;
}
