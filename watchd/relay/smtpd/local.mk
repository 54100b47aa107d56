noinst_LIBRARIES += libmx_smtpd.a
libmx_smtpd_a_SOURCES = \
	watchd/relay/smtpd/client_limit.c watchd/relay/smtpd/client_limit.h \
	watchd/relay/smtpd/cmd_data.c \
	watchd/relay/smtpd/cmd_mail.c \
	watchd/relay/smtpd/cmd_session.c \
	watchd/relay/smtpd/listener.c watchd/relay/smtpd/listener.h \
	watchd/relay/smtpd/policy.c watchd/relay/smtpd/policy.h \
	watchd/relay/smtpd/recipients.c watchd/relay/smtpd/recipients.h \
	watchd/relay/smtpd/session.c watchd/relay/smtpd/session.h \
	watchd/relay/smtpd/smtpd.c watchd/relay/smtpd/smtpd.h
