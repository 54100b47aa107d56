# What an operator should know about his DNS and his primaries.
noinst_LIBRARIES += libmx_doctor.a
libmx_doctor_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_doctor_a_SOURCES = \
	watchd/doctor/check_certificate.c \
	watchd/doctor/check_dnsbl.c \
	watchd/doctor/check_host.c \
	watchd/doctor/check_mx.c \
	watchd/doctor/check_primary.c \
	watchd/doctor/check_spf.c \
	watchd/doctor/check_sts.c \
	watchd/doctor/checks.c \
	watchd/doctor/doctor.c watchd/doctor/doctor.h \
	watchd/doctor/doctor_int.h \
	watchd/doctor/judge_primary.c \
	watchd/doctor/records.c watchd/doctor/records.h \
	watchd/doctor/records_file.c watchd/doctor/records_file.h \
	watchd/doctor/run.c \
	watchd/doctor/sources.c \
	watchd/doctor/spf.c watchd/doctor/spf.h \
	watchd/doctor/sts.c watchd/doctor/sts.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_doctor
TESTS += tests/unit/test_doctor
tests_unit_test_doctor_SOURCES = tests/unit/test_doctor.c
tests_unit_test_doctor_LDADD = $(DOCTOR_L) $(PRIMARY_L) $(SMTP_L) $(NET_L) \
	$(CJSON_LIBS) $(CMOCKA_LIBS)
endif

EXTRA_DIST += tests/fuzz/corpus/doctor
check_PROGRAMS += tests/fuzz/fuzz_doctor
TESTS += tests/fuzz/fuzz_doctor
tests_fuzz_fuzz_doctor_SOURCES = tests/fuzz/fuzz_doctor.c tests/fuzz/replay.c
tests_fuzz_fuzz_doctor_LDADD = $(DOCTOR_L) $(NET_L)
tests_fuzz_fuzz_doctor_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
