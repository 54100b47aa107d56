EXTRA_DIST += contrib/ansible/mxwatch.yml contrib/apt \
	contrib/container/Containerfile contrib/container/compose.yml \
	contrib/container/prometheus.yml contrib/deb contrib/debian contrib/demo \
	contrib/demo-cluster contrib/demo-outage contrib/sources contrib/srcdir \
	contrib/mxwatch.conf.sample \
	contrib/packages \
	contrib/systemd/mxwatchd.service.in contrib/mxwatch.logrotate \
	contrib/grok/mxwatch \
	contrib/grafana/README.md contrib/grafana/generate \
	contrib/grafana/mxwatch.json contrib/grafana/panels.py \
	contrib/blackbox/mxwatch.yml \
	contrib/prometheus/mxwatch-alerts.yml \
	contrib/prometheus/mxwatch-alerts-test.yml \
	contrib/prometheus/mxwatch-dimensions-test.yml \
	contrib/prometheus/mxwatch-recording.yml \
	contrib/prometheus/mxwatch-recording-test.yml

# Beside the configuration: where one looks who has none yet.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$$(dirname "$(conffile)")"
	$(INSTALL_DATA) $(srcdir)/contrib/mxwatch.conf.sample \
	    "$(DESTDIR)$(conffile).sample"
uninstall-local:
	rm -f "$(DESTDIR)$(conffile).sample"
AM_DISTCHECK_CONFIGURE_FLAGS = \
	--with-config-file='$$(sysconfdir)/mxwatch/mxwatch.conf'

# With the paths that were configured. Installed only when asked for:
# --with-systemd-unit-dir.
systemdunitdir = $(SYSTEMD_UNIT_DIR)
contrib/systemd/mxwatchd.service: contrib/systemd/mxwatchd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|[@]sbindir@|$(sbindir)|g' \
	    -e 's|[@]bindir@|$(bindir)|g' -e 's|[@]conffile@|$(conffile)|g' \
	    -e 's|[@]spooldir@|$(spooldir)|g' -e 's|[@]runuser@|$(runuser)|g' \
	    $(srcdir)/contrib/systemd/mxwatchd.service.in >$@.tmp && \
	    mv $@.tmp $@
CLEANFILES += contrib/systemd/mxwatchd.service
if SYSTEMD_UNIT
systemdunit_DATA = contrib/systemd/mxwatchd.service
else
noinst_DATA = contrib/systemd/mxwatchd.service
endif

# The rules do what they say, and the dashboard is what its table says; skipped
# without promtool.
dist_noinst_SCRIPTS += tests/lint/rules
TESTS += tests/lint/rules

include contrib/nagios/local.mk
include contrib/import/local.mk
