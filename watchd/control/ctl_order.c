/* SPDX-License-Identifier: ISC
 * ctl_order: the result of an order on messages in one line: "bounced 41 of 43
 * messages for example.org, 1.2M; 2 are being delivered; next expiry in 3d4h
 * (example.net)". */

#include "base/text.h"
#include "control/ctl_format.h"

static const struct {
	enum control_verb verb;
	const char *would, *did;
} words[] = {
	{ VERB_hold, "hold", "held" },
	{ VERB_release, "release", "released" },
	{ VERB_bounce, "bounce", "bounced" },
	{ VERB_remove, "remove", "removed" },
	{ VERB_extend, "extend", "extended" },
};

static void
put_count(struct format *f, const cJSON *done, bool dry)
{
	double n = json_get_num(done, "messages");
	double all = json_get_num(done, "selected");
	char size[32];

	if (!dry && n < all)
		fprintf(f->out, " %.0f of", n);
	fprintf(f->out, " %.0f message%s", all, all > 1 ? "s" : "");
	if (f->about != NULL && f->about[0] != '+') {
		fprintf(f->out, " for ");
		format_cell(f->out, f->about, 0);
	}
	if (f->verb == VERB_extend && json_get_num(done, "domains") > 1)
		fprintf(f->out, " (%.0f domains)",
		    json_get_num(done, "domains"));
	fprintf(f->out, ", %s",
	    text_size_fmt(json_get_int(done, "bytes"), size, sizeof(size)));
}

/* The findings of a dry run: the age of the oldest, and the first ids. */
static void
put_found(struct format *f, const cJSON *done)
{
	double more = json_get_num(done, "selected");
	const cJSON *id;
	char t[32];
	int n = 0;

	fprintf(f->out, "; the oldest came %s ago",
	    format_age(f, done, "oldest", t, sizeof(t)));
	cJSON_ArrayForEach (id, json_get(done, "ids")) {
		if (!cJSON_IsString(id) || n == 10)
			break;
		fprintf(f->out, "%s", n++ == 0 ? ": " : ", ");
		format_cell(f->out, id->valuestring, 0);
	}
	if (n > 0 && more > n)
		fprintf(f->out, " and %.0f more", more - n);
}

void
format_next_expiry(struct format *f, const cJSON *done)
{
	char t[32];

	if (!cJSON_IsNumber(json_get(done, "next_expiry")))
		return;
	fprintf(f->out, "; next expiry in %s (",
	    format_in(f, done, "next_expiry", t, sizeof(t)));
	format_cell(f->out, json_get_text(done, "next_expiry_domain"), 0);
	fprintf(f->out, ")");
}

void
format_ordered(struct format *f, const cJSON *done)
{
	bool dry = json_get_bool(done, "dry_run");
	double in_hand = json_get_num(done, "in_hand");
	size_t i;

	for (i = 0; i < MX_COUNT(words) && words[i].verb != f->verb; i++)
		;
	if (i == MX_COUNT(words))
		return;
	if (json_get(done, "messages") == NULL) {
		format_cell(f->out, json_get_text(done, "domain"), 0);
		fprintf(f->out, " is %s\n", words[i].did);
		return;
	}
	fprintf(f->out, "%s%s", dry ? "would " : "",
	    dry ? words[i].would : words[i].did);
	put_count(f, done, dry);
	if (in_hand > 0)
		fprintf(f->out, "; %.0f %s being delivered", in_hand,
		    in_hand > 1 ? "are" : "is");
	if (dry)
		put_found(f, done);
	else
		format_next_expiry(f, done);
	fprintf(f->out, "\n");
}
