EXTRA_DIST += contrib/apt contrib/demo contrib/mxwatch.conf.sample \
	contrib/packages contrib/postfix/mxwatch-import contrib/systemd/mxwatchd.service \
	contrib/grafana/mxwatch.json \
	contrib/prometheus/mxwatch-alerts.yml \
	contrib/prometheus/mxwatch-alerts-test.yml

# The alert rules do what they say; skipped without promtool.
dist_noinst_SCRIPTS += tests/lint/rules
TESTS += tests/lint/rules

include contrib/nagios/local.mk
