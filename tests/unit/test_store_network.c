/* SPDX-License-Identifier: ISC
 * test_store_network: a spool on a network file system is refused, and left as
 * it is. The program has an fstatfs() of its own that says where it lies. */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/store_kit.h"

static uint32_t pretend; /* statfs(2): f_type; 0 what it is */

int
fstatfs(int fd, struct statfs *fs)
{
	int rc = (int)syscall(SYS_fstatfs, fd, fs);

	if (rc == 0 && pretend != 0)
		fs->f_type = (__typeof__(fs->f_type))pretend;
	return rc;
}

static const struct {
	uint32_t magic;
	const char *name; /* NULL: a local one */
} systems[] = {
	{ 0x6969, "(NFS)" }, { 0x517b, "(SMB)" }, { 0xff534d42, "(CIFS)" },
	{ 0xfe534d42, "(SMB)" }, { 0x00c36400, "(Ceph)" },
	{ 0x0bd00bd0, "(Lustre)" }, { 0x5346414f, "(AFS)" },
	{ 0x01021997, "(9p)" }, { 0xef53, NULL }, /* ext4 */
	{ 0x58465342, NULL }, /* XFS */
};

static void
test_network(void **state)
{
	struct kit k;
	size_t i;

	(void)state;
	kit_init(&k, NULL);
	for (i = 0; i < MX_COUNT(systems); i++) {
		pretend = systems[i].magic;
		if (kit_open(&k) != (systems[i].name == NULL))
			fail_msg("%#x: %s", systems[i].magic, k.eb.text);
		kit_close(&k);
		if (systems[i].name == NULL)
			continue;
		assert_non_null(strstr(k.eb.text, k.dir));
		assert_non_null(strstr(k.eb.text, systems[i].name));
		assert_non_null(strstr(k.eb.text, "use a local disk"));
		assert_int_equal(rmdir(k.dir), 0); /* nothing was made in it */
		assert_int_equal(mkdir(k.dir, 0700), 0);
	}
	pretend = 0;
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_network) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
