dist_doc_DATA += doc/ARCHITECTURE.md doc/OPERATING.md doc/PERFORMANCE.md doc/POSTFIX.md doc/RUNBOOK.md
