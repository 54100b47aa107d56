/* SPDX-License-Identifier: ISC
 * fmt_exec: a program gets the content of a webhook on its standard input. Exit
 * code 0 is delivered, any other is retried. */
#include "alerts/format.h"

static void
fmt_exec(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	message_init(m, CARRY_EXEC);
	format_json(m, format_webhook(x, n, resolve));
}

const struct receiver_type receiver_exec = { .note = fmt_exec };
