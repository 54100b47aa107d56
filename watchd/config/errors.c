/* SPDX-License-Identifier: ISC
 * errors: the list of findings. Checks run after the whole text was read, so
 * findings are not in the order of the file; they are sorted at the end. Errors
 * and warnings have separate limits, so that a thousand warnings hide no error
 * and a broken file of 100,000 domains does not fill the screen. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config_int.h"

static void
add(struct conf_loader *l, struct conf_pos at, bool warning, char *text)
{
	struct conf_errors *errs = l->errs;

	errs->e = mem_grow(errs->e, errs->n + 1, sizeof(*errs->e));
	l->errat = mem_grow(l->errat, errs->n + 1, sizeof(*l->errat));
	errs->e[errs->n] = (struct conf_error){
		.file = mem_strdup(l->file[at.file]),
		.line = at.line,
		.warning = warning,
		.text = text,
	};
	l->errat[errs->n++] = at;
}

static char *format(const char *fmt, va_list ap) MX_PRINTF(1, 0);

static char *
format(const char *fmt, va_list ap)
{
	char text[CONF_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	return mem_strdup(text);
}

void
conf_err(struct conf_loader *l, struct conf_pos at, const char *fmt, ...)
{
	va_list ap;

	if (l->errs->nfatal++ >= CONF_ERRORS_MAX) {
		l->errors_cut = true;
		return;
	}
	va_start(ap, fmt);
	add(l, at, false, format(fmt, ap));
	va_end(ap);
}

void
conf_warn(struct conf_loader *l, struct conf_pos at, const char *fmt, ...)
{
	va_list ap;

	if (l->nwarnings++ >= CONF_ERRORS_MAX) {
		l->warnings_cut = true;
		return;
	}
	va_start(ap, fmt);
	add(l, at, true, format(fmt, ap));
	va_end(ap);
}

/* Findings are rare, so lines are searched without an index. Beyond the limit
 * of shown findings the search is skipped. */
struct conf_pos
conf_item_pos(const struct conf_loader *l, struct conf_pos at, size_t i)
{
	const struct conf_lines *p;

	if (l->errs->nfatal + l->nwarnings > 2 * CONF_ERRORS_MAX)
		return at;
	for (size_t k = 0; k < l->nlines; k++) {
		p = &l->lines[k];
		if (p->at.file == at.file && p->at.line == at.line && i < p->n)
			at.line = p->line[i];
	}
	return at;
}

struct sortable {
	struct conf_pos at;
	size_t seq;
	struct conf_error e;
};

static int
compare(const void *va, const void *vb)
{
	const struct sortable *a = va, *b = vb;

	if (a->at.file != b->at.file)
		return a->at.file < b->at.file ? -1 : 1;
	/* Line 0, the whole file, comes last: 0 - 1 is the largest. */
	if (a->at.line != b->at.line)
		return a->at.line - 1u < b->at.line - 1u ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void
conf_errors_sort(struct conf_loader *l)
{
	struct conf_errors *errs = l->errs;
	struct conf_pos whole = { 0 };
	struct sortable *s;
	size_t i;

	if (errs->n > 0) {
		s = mem_array(errs->n, sizeof(*s));
		for (i = 0; i < errs->n; i++)
			s[i] = (struct sortable){ l->errat[i], i, errs->e[i] };
		qsort(s, errs->n, sizeof(*s), compare);
		for (i = 0; i < errs->n; i++)
			errs->e[i] = s[i].e;
		mem_free(&s);
	}
	if (l->warnings_cut)
		add(l, whole, true, mem_strdup("further warnings not shown"));
	if (l->errors_cut)
		add(l, whole, false, mem_strdup("further errors not shown"));
}

void
conf_errors_fini(struct conf_errors *errs)
{
	size_t i;

	for (i = 0; i < errs->n; i++) {
		mem_free(&errs->e[i].file);
		mem_free(&errs->e[i].text);
	}
	mem_free(&errs->e);
	errs->n = errs->nfatal = 0;
}

char *
conf_quote(const char *s, char *dst)
{
	const size_t room = CONF_QUOTE_MAX - 6; /* 2 quotes, "...", NUL */
	size_t i, n = 0;

	dst[n++] = '"';
	for (i = 0; s[i] != '\0' && i < room; i++)
		dst[n++] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	if (s[i] != '\0') {
		memcpy(dst + n, "...", 3);
		n += 3;
	}
	dst[n++] = '"';
	dst[n] = '\0';
	return dst;
}
