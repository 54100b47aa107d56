/* SPDX-License-Identifier: ISC
 * http_auth_int: the users, shared by http_users.c (reading) and http_auth.c
 * (the verdict). */
#ifndef MX_EXPORTERS_HTTP_AUTH_INT_H
#define MX_EXPORTERS_HTTP_AUTH_INT_H

#include "base/buf.h"
#include "exporters/http_auth.h"

#define AUTH_NAME_MAX 255

struct auth_user {
	char *name, *hash;
};
struct auth_users {
	size_t n;
	struct auth_user *user;
};

#endif
