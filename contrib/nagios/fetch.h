/* SPDX-License-Identifier: ISC
 * fetch: gets the status document. Blocking; the caller limits the time with an
 * alarm. */
#ifndef NAGIOS_FETCH_H
#define NAGIOS_FETCH_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"

#define FETCH_PATH   "/api/v1/status"
#define FETCH_DOMAIN "?domain=" /* names as text_domain() writes them */
#define FETCH_MAX    (64u * 1024 * 1024)

struct fetch {
	const char *socket; /* used if there is no host */
	const char *host, *port;
	const char *auth; /* user:password, or NULL */
	const char *ca_file; /* NULL: those of the system */
	bool tls;
	const char *domain; /* private: of this request; NULL: all */
};

/* The document, with all domains, or only the given ones: one request each,
 * because fifty thousand domains are 100 MB. NULL with *eb. *refused: the
 * server works but refuses our credentials or has no such domain, which is an
 * error of the check and not of the daemon. */
cJSON *fetch_status(struct fetch *, const char *const *domain, unsigned n,
    bool *refused, struct mx_errbuf *eb);

/* Get the body of an HTTP answer; 0 or a negative code with *eb. */
int fetch_tls(const struct fetch *, struct buf *body, long *status,
    struct mx_errbuf *eb) MX_NODISCARD;
int fetch_plain(const struct fetch *, struct buf *body, long *status,
    struct mx_errbuf *eb) MX_NODISCARD;

/* Removes the header from a complete answer. Pure. */
int fetch_parse(struct buf *answer, long *status,
    struct mx_errbuf *eb) MX_NODISCARD;
/* dst has 4 * (len / 3 + 1) + 1 bytes. */
void fetch_base64(const char *src, size_t len, char *dst);

#endif
