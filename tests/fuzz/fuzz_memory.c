/* SPDX-License-Identifier: ISC
 * Whatever lies in the file: what is read can be written and read again, and
 * the thread can go on with it. */
#include <string.h>

#include "alerts/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t now = INT64_C(1800000000000);
	struct buf text = BUF_INIT(MEMORY_FILE_MAX);
	struct outbox_entry *e;
	struct memory l, again;
	int rc;

	memory_init(&l);
	memory_init(&again);
	if (memory_read(&l, (const char *)data, size) == 0) {
		rc = memory_write(&l, &text);
		MX_ASSERT(rc == 0);
		rc = memory_read(&again, text.data, text.len);
		MX_ASSERT(rc == 0);
		outbox_sweep(&l.outbox, now);
		RB_FOREACH (e, outbox_tree, &again.outbox.tree)
			e->in_flight = true;
		while ((e = RB_MIN(outbox_tree, &again.outbox.tree)) != NULL) {
			outbox_done(&again.outbox, e, CARRY_SENT, now);
			e = RB_MIN(outbox_tree, &again.outbox.tree);
			if (e != NULL && e->phase == OUTBOX_TOLD)
				outbox_remove(&again.outbox, e);
		}
	}
	memory_fini(&l);
	memory_fini(&again);
	buf_fini(&text);
	return 0;
}
