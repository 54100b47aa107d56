EXTRA_DIST += tests/bench/README.md tests/bench/run tests/e2e tests/fuzz/corpus \
	tests/lint tests/run tests/tools

# Style is enforced, not hoped for.
lint:
	$(top_srcdir)/tests/lint/layers $(top_srcdir)
	$(top_srcdir)/tests/lint/words $(top_srcdir)
	clang-format --dry-run --Werror $$(find $(top_srcdir)/watchd \
	    $(top_srcdir)/probes $(top_srcdir)/exporters \
	    $(top_srcdir)/alerts $(top_srcdir)/contrib $(top_srcdir)/tests \
	    -name '*.[ch]')
format:
	clang-format -i $$(find $(top_srcdir)/watchd $(top_srcdir)/probes \
	    $(top_srcdir)/exporters $(top_srcdir)/alerts \
	    $(top_srcdir)/contrib $(top_srcdir)/tests -name '*.[ch]')
.PHONY: lint format
