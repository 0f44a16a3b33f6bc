/*
 * The accounts of a profile of Thunderbird, for tb_layout.c alone: each is added
 * to the layout, or noticed when its mail is not carried (IMAP, news, accounts
 * that were removed). 0 or -1.
 */
#ifndef MAILHOIST_SOURCE_TB_ACCOUNTS_H
#define MAILHOIST_SOURCE_TB_ACCOUNTS_H

#include "source/tb_layout.h"

/* All of a profile. */
int tb_accounts_of_profile(struct tb_layout *l, struct tb_profile *p, struct err *err);
/* Those of which the layout's root (PROFILE/Mail) holds the folders. */
int tb_accounts_of_mail(struct tb_layout *l, struct tb_profile *p, struct err *err);
/* The one whose folder the layout's root is. */
int tb_account_of_dir(struct tb_layout *l, struct tb_profile *p, struct err *err);

#endif
