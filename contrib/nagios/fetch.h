/* SPDX-License-Identifier: ISC
 * fetch: gets the status document. Blocking; the alarm of the caller ends
 * what takes too long. */
#ifndef NAGIOS_FETCH_H
#define NAGIOS_FETCH_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"

#define FETCH_PATH   "/api/v1/status"
#define FETCH_DOMAIN "?domain=" /* names are as text_domain() writes them */
#define FETCH_MAX    (64u * 1024 * 1024)

struct fetch {
	const char *socket; /* used when there is no host */
	const char *host, *port;
	const char *auth; /* user:password, or NULL */
	const char *ca_file; /* or NULL: those of the system */
	bool tls;
	const char *domain; /* private: of the request; NULL: all */
};

/* The document, with all domains or, of some, with these alone: each is asked for
 * by itself, for fifty thousand are 100 MB. NULL with *eb. *refused: the server is
 * well, but does not like our credentials or knows no such domain, which is the
 * fault of the check and not of the daemon. */
cJSON *fetch_status(struct fetch *, const char *const *domain, unsigned n,
    bool *refused, struct mx_errbuf *eb);

/* The body of an HTTP answer; 0 or a negative code with *eb. */
int fetch_tls(const struct fetch *, struct buf *body, long *status,
    struct mx_errbuf *eb) MX_NODISCARD;
int fetch_plain(const struct fetch *, struct buf *body, long *status,
    struct mx_errbuf *eb) MX_NODISCARD;

/* Takes the head off an answer that was read to its end. Pure. */
int fetch_parse(struct buf *answer, long *status,
    struct mx_errbuf *eb) MX_NODISCARD;
/* dst holds 4 * (len / 3 + 1) + 1. */
void fetch_base64(const char *src, size_t len, char *dst);

#endif
