/* SPDX-License-Identifier: ISC
 * records_file: see records_file.h. */
#include "doctor/records_file.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "doctor/doctor_int.h"
#include "status/json.h"

struct copied_record {
	char name[TEXT_DOMAIN_MAX];
	int64_t checked;
	unsigned n;
	struct doctor_finding *finding;
};

struct findings_copy {
	int64_t ended;
	unsigned n;
	struct copied_record record[FINDINGS_SUBJECTS];
};

/* ---- writing */

static void
copy_record(struct copied_record *to, const struct doctor_record *r)
{
	(void)strlcpy(to->name, r->name, sizeof(to->name));
	to->checked = r->checked;
	to->n = r->n;
	to->finding = mem_dup(r->finding, r->n * sizeof(*r->finding));
	for (unsigned i = 0; i < r->n; i++) {
		to->finding[i].text = mem_strdup(r->finding[i].text);
		to->finding[i].remedy = mem_strdup(r->finding[i].remedy);
	}
}

struct findings_copy *
findings_copy(const struct doctor_records *rs, int64_t ended)
{
	struct findings_copy *c = mem_alloc(sizeof(*c));
	const struct doctor_record *r = NULL;

	c->ended = ended;
	while (c->n < FINDINGS_SUBJECTS &&
	    (r = doctor_records_worst(rs, r)) != NULL)
		copy_record(&c->record[c->n++], r);
	return c;
}

void
findings_copy_destroy(struct findings_copy **cp)
{
	struct findings_copy *c = *cp;

	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		for (unsigned k = 0; k < c->record[i].n; k++)
			doctor_finding_fini(&c->record[i].finding[k]);
		mem_free(&c->record[i].finding);
	}
	mem_free(cp);
}

static void
print_object(FILE *f, cJSON *o)
{
	char *line = json_print(o);

	fprintf(f, "%s\n", line);
	mem_free(&line);
}

static cJSON *
record_json(const struct copied_record *r)
{
	cJSON *o = json_object(), *list, *j;

	json_text(o, "domain", r->name);
	json_num(o, "checked", (double)r->checked);
	list = json_array(o, "findings");
	for (unsigned i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->finding[i];

		j = json_push_object(list);
		json_text(j, "check", doctor_check_name(f->check));
		json_text(j, "severity", doctor_severity_name(f->severity));
		if (f->text != NULL)
			json_text(j, "text", f->text);
		if (f->remedy != NULL)
			json_text(j, "remedy", f->remedy);
	}
	return o;
}

static int
print_all(FILE *f, const void *arg)
{
	const struct findings_copy *c = arg;
	cJSON *o = json_object();

	json_num(o, "ended", (double)c->ended);
	print_object(f, o);
	for (unsigned i = 0; i < c->n; i++)
		print_object(f, record_json(&c->record[i]));
	return 0;
}

int
findings_write(const struct findings_copy *c, const char *path)
{
	return file_print(path, 0600, print_all, c, NULL);
}

/* ---- reading */

/* NULL: none. */
static char *
read_text(const cJSON *j, const char *key)
{
	char cut[DOCTOR_TEXT_MAX];

	if (!cJSON_IsString(json_get(j, key)))
		return NULL;
	return mem_strdup(text_cut(cut, sizeof(cut), json_get_text(j, key)));
}

static bool
read_finding(const cJSON *j, struct doctor_finding *f)
{
	const char *check = json_get_text(j, "check");
	const char *severity = json_get_text(j, "severity");
	unsigned c, s;

	for (c = 0; c < DOCTOR_CHECK_MAX &&
	     strcmp(doctor_check_name((enum doctor_check)c), check) != 0;
	     c++)
		;
	for (s = 0; s < DOCTOR_SEVERITY_MAX &&
	     strcmp(doctor_severity_name((enum doctor_severity)s), severity) !=
		 0;
	     s++)
		;
	if (c == DOCTOR_CHECK_MAX || s == DOCTOR_SEVERITY_MAX)
		return false;
	*f = (struct doctor_finding){ .check = (enum doctor_check)c,
		.severity = (enum doctor_severity)s,
		.text = read_text(j, "text"),
		.remedy = read_text(j, "remedy") };
	return true;
}

static void
read_record(struct doctor_records *rs, const char *name, const cJSON *o)
{
	struct doctor_finding found[DOCTOR_FINDINGS_MAX];
	const cJSON *j;
	unsigned n = 0;

	cJSON_ArrayForEach (j, json_get(o, "findings")) {
		if (n < MX_COUNT(found) && read_finding(j, &found[n]))
			n++;
	}
	if (n > 0)
		doctor_records_put(rs, name, json_get_int(o, "checked"),
		    mem_dup(found, n * sizeof(found[0])), n, false);
}

struct findings_reading {
	struct doctor_records *records;
	bool (*wanted)(void *, const char *);
	void *arg;
	int64_t ended;
	int n;
};

static void
read_line(struct findings_reading *r, const char *line, size_t len)
{
	cJSON *o = cJSON_ParseWithLength(line, len);
	const char *name = json_get_text(o, "domain");
	char domain[TEXT_DOMAIN_MAX] = "";

	if (cJSON_IsNumber(json_get(o, "ended")))
		r->ended = json_get_int(o, "ended");
	else if (cJSON_IsString(json_get(o, "domain")) &&
	    (*name == '\0' || text_domain(name, strlen(name), domain) == 0) &&
	    r->wanted(r->arg, domain)) {
		read_record(r->records, domain, o);
		r->n++;
	}
	cJSON_Delete(o);
}

int
findings_read(struct doctor_records *rs, const char *path,
    bool (*wanted)(void *arg, const char *name), void *arg, int64_t *ended)
{
	struct findings_reading r = { rs, wanted, arg, 0, 0 };
	struct buf text = BUF_INIT(FINDINGS_FILE_MAX);
	int rc = file_load(path, &text, NULL);
	const char *line, *end;

	for (line = buf_str(&text); rc == 0 && *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		read_line(&r, line, (size_t)(end - line));
		end += *end == '\n';
	}
	*ended = r.ended;
	buf_fini(&text);
	return rc < 0 ? rc : r.n;
}
