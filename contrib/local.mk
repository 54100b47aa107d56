EXTRA_DIST += contrib/apt contrib/demo contrib/mxwatch.conf.sample \
	contrib/packages contrib/systemd/mxwatchd.service
