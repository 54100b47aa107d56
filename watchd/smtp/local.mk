noinst_LIBRARIES += libmx_smtp.a
libmx_smtp_a_SOURCES = \
	watchd/smtp/client.c watchd/smtp/client.h \
	watchd/smtp/command.c watchd/smtp/command.h \
	watchd/smtp/dot.c watchd/smtp/dot.h \
	watchd/smtp/path.c watchd/smtp/path.h \
	watchd/smtp/phase.c watchd/smtp/phase.h \
	watchd/smtp/reply.c watchd/smtp/reply.h
