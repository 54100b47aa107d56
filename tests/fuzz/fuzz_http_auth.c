/* SPDX-License-Identifier: ISC
 * Fuzz: a file of users, and the headers of a request. Whatever the bytes
 * are: they are taken or refused, and a refusal has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "exporters/http_accept.h"
#include "exporters/http_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mx_errbuf eb = { "" };
	struct auth_users *u;
	const char *password;
	char user[256], *text = mem_strndup((const char *)data, len);

	u = auth_users_parse((const char *)data, len, &eb);
	MX_ASSERT(u != NULL ? auth_users_count(u) > 0 : eb.text[0] != '\0');
	auth_users_destroy(&u);
	if (auth_header_parse(text, user, sizeof(user), &password) == 0)
		MX_ASSERT(password > user &&
		    password + strlen(password) < user + sizeof(user));
	(void)http_accept_format(text);
	(void)http_accept_gzip(text);
	(void)http_accept_known(text, "\"tag\"");
	mem_free(&text);
	return 0;
}
