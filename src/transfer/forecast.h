/*
 * What can be said beforehand of an upload: whether it fits into the account, how
 * long the limits that are known will make it last, and what the server will not bear.
 */
#ifndef MAILHOIST_TRANSFER_FORECAST_H
#define MAILHOIST_TRANSFER_FORECAST_H

#include "transfer/transfer.h"

struct forecast {
	uint64_t messages,
		octets; /* that will be added to the account: uploaded, or copied in it */
	uint64_t uploads, to_send; /* of these, what goes over the line: messages, octets */
	bool fits;		   /* true also when no limit is known */
	uint64_t octets_lacking, messages_lacking; /* when it does not */
	uint64_t seconds;    /* at least, by the limits of user and provider; 0: none is known */
	enum gate_reason by; /* the limit that makes it last so long */
};

/* Of the plan of t->run, over t->session. What does not fit, what takes more than a minute, and
 * what the server is known to refuse or to damage becomes a notice ("quota", "too-big", "pace",
 * "long-lines", "8bit-header") and a note of the progress. */
int forecast(struct transfer *t, struct forecast *out, struct err *err);

/* The arithmetic alone. */
void forecast_fit(struct forecast *f, const struct quota *q);
void forecast_time(struct forecast *f, const struct gate_limits *limits, uint64_t sent_today);

/* The limits of an upload: the user's, and where he has set none, the profile's. */
struct gate_limits forecast_limits(const struct gate_limits *user, const struct profile *profile);

#endif
