/* SPDX-License-Identifier: ISC
 * http_auth: basic authentication against a file of bcrypt hashes (as `htpasswd
 * -B` writes it). Any thread. A hash takes up to a tenth of a second at the
 * usual cost (10), so correct credentials are remembered for some minutes, and
 * attempts with others are limited in rate: guessing costs us no more than a
 * third of one core. */
#ifndef MX_EXPORTERS_HTTP_AUTH_H
#define MX_EXPORTERS_HTTP_AUTH_H

#include "base/err.h"

#define HTTP_AUTH_USERS_MAX 1000
#define HTTP_AUTH_FILE_MAX  (1u << 20)
#define HTTP_AUTH_COST_MAX  14 /* about a second */

struct http_auth;
struct auth_users; /* the contents of a file */

enum auth_verdict { AUTH_OK, AUTH_WRONG, AUTH_TOO_MANY };

/* NULL and *eb, with the line, for an invalid file. */
struct auth_users *
auth_users_parse(const char *text, size_t len, struct mx_errbuf *eb);
struct auth_users *auth_users_load(const char *path, struct mx_errbuf *eb);
void auth_users_destroy(struct auth_users **);
size_t auth_users_count(const struct auth_users *);

/* Takes over the users. */
struct http_auth *http_auth_create(struct auth_users **);
void http_auth_destroy(struct http_auth **);
/* Replaces the users, which are taken over; nothing remains remembered. */
void http_auth_replace(struct http_auth *, struct auth_users **);

/* `header`: the value of Authorization, or NULL; `client` distinguishes clients
 * (addr_client_key); `now`: monotonic ns. */
enum auth_verdict http_auth_check(struct http_auth *, const char *header,
    uint64_t client, int64_t now);

/* "Basic dXNlcjpwYXNz" -> user and password, both into `text` (of `size`
 * bytes), the password after the NUL of the user. */
int auth_header_parse(const char *header, char *text, size_t size,
    const char **password) MX_NODISCARD;

#endif
