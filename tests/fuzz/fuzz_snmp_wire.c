/* SPDX-License-Identifier: ISC
 * fuzz_snmp_wire: packets as mxwatch-agentx might get them from a daemon gone
 * mad. Each packet of the input begins with its length in two bytes; its head
 * is taken as it is, or with the magic number put right so that what lies
 * behind is reached. A set that becomes whole must be walked to its end. */
#include <stdint.h>
#include <string.h>

#include "exporters/snmp/mib.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
walk(struct mib *m)
{
	uint32_t last[MIB_OID_MAX] = { 0 };
	size_t len = 1, steps = 0;
	struct mib_answer a;

	while (mib_next(m, last, len, false, &a)) {
		MX_ASSERT(++steps < 1000000);
		MX_ASSERT(mib_get(m, a.oid, a.len, &a));
		memcpy(last, a.oid, a.len * sizeof(*last));
		len = a.len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union wire_packet p;
	struct wire_set set;
	struct mib m;
	size_t n, len;

	wire_set_init(&set);
	mib_init(&m, 1, true);
	while (size >= 2) {
		n = (size_t)(data[0] | (data[1] & 0x7f) << 8);
		if (n > size - 2)
			n = size - 2;
		len = n < sizeof(p) ? n : sizeof(p);
		memset(&p, 0, sizeof(p));
		memcpy(&p, data + 2, len);
		if ((data[1] & 0x80) != 0) {
			p.head.magic = WIRE_MAGIC;
			p.head.version = WIRE_VERSION;
			p.head.count = p.head.count % 4 + 1;
			len = sizeof(p.head) +
			    p.head.count * wire_record_size(p.head.type);
			p.head.len = (uint32_t)len;
		}
		data += 2 + n;
		size -= 2 + n;
		if (wire_set_add(&set, &p, len) != 1)
			continue;
		mib_take(&m, &set, 1000);
		walk(&m);
	}
	mib_fini(&m);
	wire_set_fini(&set);
	return 0;
}
