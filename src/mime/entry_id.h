/*
 * Entry ids of people (MS-OXCDATA 2.2.5): one-off entry ids hold a name, a type
 * and an address; those of Exchange users the X.500 name.
 */
#ifndef MAILHOIST_MIME_ENTRY_ID_H
#define MAILHOIST_MIME_ENTRY_ID_H

#include "mapi/codepage.h"
#include "mapi/item.h"

/* Name, type and address of a person's entry id: false if it is of no kind we know. Texts belong
 * to `a`. `codepage` is that of 8-bit texts. */
bool entry_id_person(struct slice id, struct codepages *codepages, int codepage, struct arena *a,
		     struct mapi_person *out);

/* The next entry id of a FLATENTRYLIST (MS-OXCDATA 2.3.3); *rest starts as the whole list. */
bool entry_list_start(struct slice *rest);
bool entry_list_next(struct slice *rest, struct slice *id);

#endif
