/*
 * From Exchange addresses (X.500 distinguished names) to SMTP addresses: learned
 * from every row of the store that has both, and from the user's --address-map FILE.
 * The user's lines win. Bounded: beyond ADDRESS_MAP_MAX entries nothing is learned.
 */
#ifndef MAILHOIST_MIME_ADDRESS_MAP_H
#define MAILHOIST_MIME_ADDRESS_MAP_H

#include "mapi/item.h"

#define ADDRESS_MAP_MAX 65536

struct address_map;

struct address_map *address_map_new(void); /* NULL: out of memory */
void address_map_free(struct address_map *m);

/* Lines "DN-OR-NAME<TAB or =>user@example.org"; '#' starts a comment. `text` is the file's content.
 * ERR_CONFIG names the line. */
int address_map_read(struct address_map *m, struct slice text, struct err *err);

/* Learn from one person (both a DN and an SMTP address). The first answer stays, so that the order
 * of learning (NID order) makes the result deterministic. */
void address_map_learn(struct address_map *m, const struct mapi_person *person);

/* The SMTP address of an X.500 name (case ignored), or NULL. */
const char *address_map_find(const struct address_map *m, const char *x500);

#endif
