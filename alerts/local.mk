# Alerts: rules, instances, outbox, formats, transports, and their thread.
if HAVE_CURL
noinst_LIBRARIES += libmx_alerts.a
libmx_alerts_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(CJSON_CFLAGS)
libmx_alerts_a_SOURCES = \
	alerts/alerts.c alerts/alerts.h alerts/alerts_int.h \
	alerts/fmt_alertmanager.c \
	alerts/fmt_email.c \
	alerts/fmt_ntfy.c \
	alerts/fmt_pagerduty.c \
	alerts/fmt_slack.c \
	alerts/fmt_webhook.c \
	alerts/format.c alerts/format.h \
	alerts/instance.c alerts/instance.h \
	alerts/ledger.c alerts/ledger.h \
	alerts/ledger_file.c \
	alerts/note.c alerts/note.h \
	alerts/notify.c \
	alerts/outbox.c alerts/outbox.h \
	alerts/receiver.c \
	alerts/rules.c alerts/rules.h \
	alerts/transport.c alerts/transport.h alerts/transport_int.h \
	alerts/via_exec.c \
	alerts/via_http.c \
	alerts/via_smtp.c
endif
