/* SPDX-License-Identifier: ISC
 * http_users: parses the file of users and the header of a request. Both are
 * refused rather than interpreted generously: the file has to protect what the
 * operator meant, and the header may come from anybody. */
#include <ctype.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "exporters/http_auth_int.h"

#define HASH_LEN 60 /* $2y$10$ and 53 characters */

static void
user_free(struct auth_user *u)
{
	mem_free(&u->name);
	mem_free(&u->hash);
}

void
auth_users_destroy(struct auth_users **up)
{
	struct auth_users *u = *up;

	if (u == NULL)
		return;
	for (size_t i = 0; i < u->n; i++)
		user_free(&u->user[i]);
	mem_free(&u->user);
	mem_free(up);
}

size_t
auth_users_count(const struct auth_users *u)
{
	return u->n;
}

/* $2y$NN$ and 53 characters of bcrypt's base 64. Returns the cost, or -1. */
static int
bcrypt_cost(const char *hash, size_t len)
{
	int cost;

	if (len != HASH_LEN || memcmp(hash, "$2", 2) != 0 ||
	    strchr("aby", hash[2]) == NULL || hash[3] != '$' ||
	    !isdigit((unsigned char)hash[4]) ||
	    !isdigit((unsigned char)hash[5]) || hash[6] != '$')
		return -1;
	for (size_t i = 7; i < len; i++)
		if (!isalnum((unsigned char)hash[i]) && hash[i] != '.' &&
		    hash[i] != '/')
			return -1;
	cost = (hash[4] - '0') * 10 + hash[5] - '0';
	return cost >= 4 && cost <= 31 ? cost : -1;
}

static bool
is_user_name(const char *name, size_t len)
{
	if (len == 0 || len > AUTH_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 32 || name[i] == 127)
			return false;
	return true;
}

static int
add_line(struct auth_users *u, const char *line, size_t len, unsigned n,
    struct mx_errbuf *eb)
{
	const char *colon = memchr(line, ':', len), *hash;
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;
	struct auth_user user;
	int cost;

	if (!is_user_name(line, name_len))
		return mx_fail(eb, MX_ESYNTAX,
		    "line %u: not USER:HASH, as htpasswd -B writes it", n);
	hash = colon + 1;
	cost = bcrypt_cost(hash, len - name_len - 1);
	if (cost < 0)
		return mx_fail(eb, MX_ESYNTAX,
		    "line %u: the hash is not bcrypt; use htpasswd -B", n);
	if (cost > HTTP_AUTH_COST_MAX)
		return mx_fail(eb, MX_ESYNTAX,
		    "line %u: cost %d is more than %d and would take seconds",
		    n, cost, HTTP_AUTH_COST_MAX);
	if (u->n == HTTP_AUTH_USERS_MAX)
		return mx_fail(eb, MX_ETOOBIG, "more than %d users",
		    HTTP_AUTH_USERS_MAX);
	user.name = mem_strndup(line, name_len);
	user.hash = mem_strndup(hash, HASH_LEN);
	for (size_t i = 0; i < u->n; i++) {
		if (strcmp(u->user[i].name, user.name) != 0)
			continue;
		user_free(&user);
		return mx_fail(eb, MX_EEXIST,
		    "line %u: the user is listed twice", n);
	}
	u->user = mem_grow(u->user, u->n + 1, sizeof(u->user[0]));
	u->user[u->n++] = user;
	return 0;
}

struct auth_users *
auth_users_parse(const char *text, size_t len, struct mx_errbuf *eb)
{
	struct auth_users *u = mem_alloc(sizeof(*u));
	const char *end = text + len, *eol, *next;
	unsigned n = 0;
	int rc = 0;

	if (len > HTTP_AUTH_FILE_MAX)
		rc = mx_fail(eb, MX_ETOOBIG, "the file is larger than 1M");
	for (; rc == 0 && text < end; text = next) {
		eol = memchr(text, '\n', (size_t)(end - text));
		next = eol != NULL ? eol + 1 : end;
		if (eol == NULL)
			eol = end;
		if (eol > text && eol[-1] == '\r')
			eol--;
		n++;
		if (eol > text && *text != '#')
			rc = add_line(u, text, (size_t)(eol - text), n, eb);
	}
	if (rc == 0 && u->n == 0)
		rc = mx_fail(eb, MX_ENOENT, "it has no users");
	if (rc != 0)
		auth_users_destroy(&u);
	return u;
}

struct auth_users *
auth_users_load(const char *path, struct mx_errbuf *eb)
{
	struct buf text = BUF_INIT(HTTP_AUTH_FILE_MAX + 1);
	struct mx_errbuf why = { "" };
	struct auth_users *u = NULL;

	if (file_load_secret(path, &text, &why) == 0)
		u = auth_users_parse(buf_str(&text), text.len, &why);
	if (u == NULL)
		mx_fail(eb, MX_ESYNTAX, "%s: %s", path, why.text);
	buf_fini(&text);
	return u;
}

/* ---- header */

int
auth_header_parse(const char *header, char *text, size_t size,
    const char **password)
{
	char *colon;
	size_t len, n;

	if (strncasecmp(header, "Basic ", 6) != 0)
		return -MX_ESYNTAX;
	header += 6;
	header += strspn(header, " ");
	len = strcspn(header, " \t");
	if (header[len] != '\0' || len / 4 * 3 >= size ||
	    base64_decode(header, text, &n) != 0)
		return -MX_ESYNTAX;
	text[n] = '\0';
	if (strlen(text) != n || (colon = strchr(text, ':')) == NULL)
		return -MX_ESYNTAX;
	*colon = '\0';
	*password = colon + 1;
	return 0;
}
