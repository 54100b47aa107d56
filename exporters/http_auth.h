/* SPDX-License-Identifier: ISC
 * http_auth: basic authentication against a file of bcrypt hashes (as
 * `htpasswd -B` writes it). Any thread. A hash takes its tenth of a second,
 * so what was right is remembered for some minutes, and what was not is
 * limited in rate: guessing costs us no more than a third of one core. */
#ifndef MX_EXPORTERS_HTTP_AUTH_H
#define MX_EXPORTERS_HTTP_AUTH_H

#include "base/err.h"

#define HTTP_AUTH_USERS_MAX 1000
#define HTTP_AUTH_FILE_MAX  (1u << 20)
#define HTTP_AUTH_COST_MAX  14 /* about a second */

struct http_auth;
struct auth_users; /* a file that was read */

enum auth_verdict { AUTH_OK, AUTH_WRONG, AUTH_TOO_MANY };

/* NULL and *eb, with the line, when the text is not such a file. */
struct auth_users *
auth_users_parse(const char *text, size_t len, struct mx_errbuf *eb);
struct auth_users *auth_users_load(const char *path, struct mx_errbuf *eb);
void auth_users_destroy(struct auth_users **);
size_t auth_users_count(const struct auth_users *);

/* Takes the users. */
struct http_auth *http_auth_create(struct auth_users **);
void http_auth_destroy(struct http_auth **);
/* Takes the users in place of those before; nothing stays remembered. */
void http_auth_replace(struct http_auth *, struct auth_users **);

/* `header` is the value of Authorization, NULL for none; `client` tells
 * clients apart (addr_client_key); now: monotonic ns. */
enum auth_verdict http_auth_check(struct http_auth *, const char *header,
    uint64_t client, int64_t now);

/* "Basic dXNlcjpwYXNz" -> user and password, both into `text` (which holds
 * `size`), the password behind the NUL of the user. */
int auth_header_parse(const char *header, char *text, size_t size,
    const char **password) MX_NODISCARD;

#endif
