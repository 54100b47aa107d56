# Domains that nobody configured, backed up by what the DNS says.
noinst_LIBRARIES += libmx_mxbackup.a
libmx_mxbackup_a_SOURCES = \
	watchd/relay/mxbackup/entries.c \
	watchd/relay/mxbackup/lookups.c watchd/relay/mxbackup/lookups.h \
	watchd/relay/mxbackup/mx_backup.c watchd/relay/mxbackup/mx_backup.h \
	watchd/relay/mxbackup/mx_backup_int.h \
	watchd/relay/mxbackup/verdict.c watchd/relay/mxbackup/verdict.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_mx_backup tests/unit/test_mx_verdict
TESTS += tests/unit/test_mx_backup tests/unit/test_mx_verdict
# The loop and the resolver are fakes.
MX_BACKUP_WORLD = tests/unit/fake_dns.c tests/unit/fake_dns.h \
	tests/unit/fake_loop.c tests/unit/fake_loop.h watchd/net/route.c
MX_BACKUP_WORLD_L = libmx_mxbackup.a $(CONFIG_L) $(STATUS_L) $(SMTP_L) $(NET_L) \
	$(CMOCKA_LIBS)
tests_unit_test_mx_backup_SOURCES = tests/unit/test_mx_backup.c \
	$(MX_BACKUP_WORLD)
tests_unit_test_mx_backup_LDADD = $(MX_BACKUP_WORLD_L)
tests_unit_test_mx_verdict_SOURCES = tests/unit/test_mx_verdict.c \
	$(MX_BACKUP_WORLD)
tests_unit_test_mx_verdict_LDADD = $(MX_BACKUP_WORLD_L)
endif
