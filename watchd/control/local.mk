noinst_LIBRARIES += libmx_control.a
libmx_control_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_control_a_SOURCES = \
	watchd/control/control.c watchd/control/control.h \
	watchd/control/protocol.h \
	watchd/control/verbs.c watchd/control/verbs.h

bin_PROGRAMS += mxwatchctl
mxwatchctl_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
mxwatchctl_SOURCES = \
	watchd/control/ctl_client.c watchd/control/ctl_client.h \
	watchd/control/ctl_format.c watchd/control/ctl_format.h \
	watchd/control/mxwatchctl.c
mxwatchctl_LDADD = $(CONFIG_L) $(SMTP_L) $(NET_L) $(CJSON_LIBS)
