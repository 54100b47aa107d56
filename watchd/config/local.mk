noinst_LIBRARIES += libmx_config.a
libmx_config_a_SOURCES = \
	watchd/config/check.c \
	watchd/config/config.c watchd/config/config.h \
	watchd/config/config_int.h \
	watchd/config/document.c \
	watchd/config/lex.c \
	watchd/config/options.c watchd/config/options.def \
	watchd/config/parse.c
