/* SPDX-License-Identifier: ISC
 * fuzz_ledger: the file of the record of outages, read back. What is damaged is
 * passed over; what is taken is written again and read again as it was. The
 * checksums of lines are no obstacle: each line is given to the reader of records
 * by itself, too. */
#include <string.h>

#include "base/mem.h"
#include "ledger/ledger_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_line(const char *line, size_t len)
{
	struct outage o, again;
	char *text, *twice;

	if (outage_parse(&o, line, len) != 0)
		return;
	MX_ASSERT(o.id != 0 && o.nmarks <= OUTAGE_MARKS_MAX);
	text = outage_print(&o);
	MX_ASSERT(outage_parse(&again, text, strlen(text)) == 0);
	twice = outage_print(&again);
	MX_ASSERT(strcmp(text, twice) == 0);
	mem_free(&text);
	mem_free(&twice);
	outage_fini(&o);
	outage_fini(&again);
}

static void
on_line(void *arg, const char *line, size_t len)
{
	(void)arg;
	check_line(line, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *stop = text + len, *lf;
	struct ledger_file_read st = { 0 };

	if (len > 1u << 20)
		return 0;
	if (ledger_file_parse(text, len, on_line, NULL, &st) == 0)
		MX_ASSERT(st.lines + st.bad <= len);
	for (; text < stop; text = lf + 1) {
		lf = memchr(text, '\n', (size_t)(stop - text));
		if (lf == NULL)
			lf = stop;
		check_line(text, (size_t)(lf - text));
		if (lf == stop)
			break;
	}
	return 0;
}
