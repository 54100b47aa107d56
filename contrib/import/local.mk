# mxwatch-import: a program in Perl, and what it is made of beside it; core modules
# only. The installed one finds them where they are installed, the one in the build
# folder by PERL5LIB.
sbin_SCRIPTS = contrib/import/mxwatch-import
contrib/import/mxwatch-import: contrib/import/mxwatch-import.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|[@]pkgdatadir@|$(pkgdatadir)|g' \
	    $(srcdir)/contrib/import/mxwatch-import.in >$@.tmp && \
	    chmod 755 $@.tmp && mv $@.tmp $@
CLEANFILES += contrib/import/mxwatch-import
EXTRA_DIST += contrib/import/mxwatch-import.in

mximportdir = $(pkgdatadir)/MxImport
dist_mximport_DATA = contrib/import/MxImport/Command.pm \
	contrib/import/MxImport/Draft.pm contrib/import/MxImport/Exim.pm \
	contrib/import/MxImport/Postfix.pm contrib/import/MxImport/Value.pm
mximporteximdir = $(pkgdatadir)/MxImport/Exim
dist_mximportexim_DATA = contrib/import/MxImport/Exim/Known.pm \
	contrib/import/MxImport/Exim/List.pm \
	contrib/import/MxImport/Exim/Routes.pm \
	contrib/import/MxImport/Exim/Source.pm
mximportpostfixdir = $(pkgdatadir)/MxImport/Postfix
dist_mximportpostfix_DATA = contrib/import/MxImport/Postfix/DomainList.pm \
	contrib/import/MxImport/Postfix/Intake.pm \
	contrib/import/MxImport/Postfix/Known.pm \
	contrib/import/MxImport/Postfix/Recipients.pm \
	contrib/import/MxImport/Postfix/Restrictions.pm \
	contrib/import/MxImport/Postfix/Routes.pm \
	contrib/import/MxImport/Postfix/Settings.pm \
	contrib/import/MxImport/Postfix/Table.pm
dist_man_MANS += doc/mxwatch-import.8
