# SPDX-License-Identifier: ISC
"""panels: what the dashboard shows, in the order in which a mail operator looks
at it. `./generate` makes mxwatch.json of it; tests/e2e/test_dashboard.py knows
the right value of each query, and fails for one that it does not know.

In a query, <I> stands for the chosen daemons, <D> for the chosen domains of
these and <P> for the chosen primaries; <D,state="down"> has more labels. What
several daemons say of one domain or primary is joined by the worst (`max by`),
what they hold is added up. Names with colons are recorded by
../prometheus/mxwatch-recording.yml. $__rate_interval is at least four minutes
(generate), so that there are two scrapes in it at any interval up to two.
"""

# The worst is the largest: the rules record it so.
STATES = [(0, "disabled", "text"), (1, "up", "green"), (2, "suspect", "yellow"),
          (3, "recovering", "blue"), (4, "unknown", "orange"), (5, "down", "red")]
DAY = 86400


def named(query):
    """Without series of domains there is one, of all."""
    return 'label_replace(%s, "domain", "all domains", "domain", "")' % query


def top(by, how, series, least=""):
    """The 20 of which it was largest in the range shown: chosen once, so that
    none comes and goes. `least`: those that never were larger are left out."""
    most = "%s by (%s) (max_over_time(%s[$__range] @ end()))%s" % (how, by, series, least)
    query = "%s by (%s) (%s and on (%s) topk(20, %s))" % (how, by, series, by, most)
    return named(query) if by == "domain" else query


def rate(by, counter):
    return "sum by (%s) (rate(%s[$__rate_interval]))" % (by, counter)


def total(counter):
    return "sum(increase(%s[$__range]))" % counter


def else_none(query):
    """0 where there may be no series of it; but nothing from a daemon that is away."""
    return query + " or sum(mxwatch_build_info<I>) * 0"


def quantile(q, histogram):
    return "histogram_quantile(%s, sum by (le) (rate(%s_bucket<I>[$__rate_interval])))" % (
        q, histogram)


def older(histogram, low, high):
    """The messages between two ages; bounds have ".0" in OpenMetrics."""
    def bucket(le):
        le = r"\\+Inf" if le is None else r"%d(\\.0)?" % le
        return 'sum(%s_bucket<I,le=~"%s">)' % (histogram, le)
    return bucket(high) if low is None else "%s - %s" % (bucket(high), bucket(low))


def busiest(series):
    """Of each daemon, for windows are learned by each."""
    return ("%s and on (instance, primary) topk(5, max by (instance, primary) "
            "(max_over_time(mxwatch_primary_window<P>[$__range] @ end())) > 0)" % series)


AGES = "mxwatch_queue_message_age_seconds"
# The domains that the table shows: those of which most of the lifetime is used.
LATE = "topk(50, max by (domain) (mxwatch_queue_lifetime_used_ratio<D>) > 0)"


def panels(p):
    """`p` makes the panels: each call is the next one, from left to right."""
    now(p)
    queue(p)
    delivery(p)
    primaries(p)
    recipients(p)
    intake(p)
    reports(p)
    alerts(p)
    cluster(p)
    daemon(p)


def now(p):
    bad = [(None, "green"), (1, "red")]
    p.row("Now")
    p.stat("Daemons down",
           "Targets of the chosen jobs that Prometheus cannot scrape: nobody watches "
           "their primaries, and mail that needs them may be refused.",
           "count(up<I> == 0) or sum(up<I>) * 0", "none", bad)
    p.stat("Primaries down",
           "Servers that any daemon finds down, each counted once.",
           'sum(max by (primary) (mxwatch_primary_state<P,state="down">))', "none", bad)
    p.stat("Domains down",
           "Domains whose mail is held because no primary works, each counted once.",
           'sum(max by (domain) (mxwatch_watchdog_state<D,state="down">))', "none", bad)
    p.stat("Breakers tripped",
           "Domains whose primary permanently refuses what it should accept; their mail is "
           "held until it is repaired: mxwatchctl why DOMAIN, then mxwatchctl release.",
           "sum(max by (domain) (mxwatch_breaker_tripped<D>))", "none", bad)
    p.stat("Messages queued", "Of the chosen domains, in all chosen daemons together.",
           "sum(mxwatch_queue_messages<D>)", "short")
    p.stat("Oldest message", "Age of the oldest queued message, held or not.",
           "max(mxwatch_queue_oldest_message_age_seconds<D>)", "s")
    p.stat("First expires in",
           "When the first queued message goes back to its sender. More time: "
           "mxwatchctl extend.",
           "min(mxwatch_queue_next_expiry_timestamp_seconds<D> < +Inf) - time() "
           "or -min(mxwatch_build_info<I>)", "s", words={-1: "never"})
    p.stat("New mail", "Whether all chosen daemons take new mail: refused when the spool "
           "is full, failing, or has its most messages.",
           "min(mxwatch_spool_accepting<I> * (1 - mxwatch_queue_full<I>))", "none",
           [(None, "red"), (1, "green")], words={0: "refused", 1: "taken"})
    p.stat("Lifetime used", "Share of its lifetime that a queued message has used, "
           "extensions included: the largest.",
           "max(mxwatch_queue_lifetime_used_ratio<D>)", "percentunit",
           [(None, "green"), (0.5, "orange"), (0.8, "red")])
    p.stat("Expired", "Recipients bounced for age in the range shown.",
           total("mxwatch_delivery_recipients_expired_total<D>"), "short", bad, decimals=0)
    p.stat("Bounced", "Recipients that a primary refused for good in the range shown.",
           total("mxwatch_delivery_recipients_bounced_total<D>"), "short",
           [(None, "green"), (1, "orange")], decimals=0)
    p.stat("Delivered", "Recipients handed over in the range shown.",
           total("mxwatch_delivery_recipients_delivered_total<D>"), "short", decimals=0)
    p.stat("Accepted", "Messages taken in the range shown.",
           total("mxwatch_smtpd_messages_accepted_total<D>"), "short", decimals=0)
    p.stat("Alerts", "Alerts of the daemons that fire; one of several daemons about one "
           "domain counts once. 0 also where no receiver is configured.",
           else_none("sum(max by (alert, domain, list) (mxwatch_alerts_active<D>))"), "none", bad)
    p.stat("Alerts not sent", "Notifications that no receiver has accepted yet.",
           else_none("sum(mxwatch_notifications_pending<I>)"), "none",
           [(None, "green"), (1, "orange"), (10, "red")])
    p.stat("Recording rules", "Panels in this dashboard need the rules of "
           "contrib/prometheus/mxwatch-recording.yml in the Prometheus that is asked.",
           "(count(instance_domain:mxwatch_watchdog_state:code) > bool 0) or vector(0)", "none",
           [(None, "red"), (1, "green")], words={0: "missing", 1: "loaded"})
    p.timeline("State of the primaries", "The worst that any daemon finds of the server itself, "
               "of the 20 that were worst in the range shown.",
               "{{primary}}",
               top("primary", "max", "instance_primary:mxwatch_primary_state:code<P>"),
               STATES)
    p.timeline("State of the domains", "The worst state in any daemon, of the 20 domains that were "
               "worst in the range shown. Mail goes while it is up, suspect or recovering.",
               "{{domain}}", top("domain", "max", "instance_domain:mxwatch_watchdog_state:code<D>"),
               STATES)
    p.table("Domains with mail", "What waits, the nearest to its end first; at most 50. Stuck: "
            "it stays queued although the primary is up.",
            "domain", [
        ("State", "max by (domain) (instance_domain:mxwatch_watchdog_state:code<D>)", STATES),
        ("Messages", "sum by (domain) (mxwatch_queue_messages<D>)", "short"),
        ("Oldest", "max by (domain) (mxwatch_queue_oldest_message_age_seconds<D>)", "s"),
        ("Lifetime used", "max by (domain) (mxwatch_queue_lifetime_used_ratio<D>)", "percentunit"),
        ("Expires in",
         "min by (domain) (mxwatch_queue_next_expiry_timestamp_seconds<D> < +Inf) - time()", "s"),
        ("Stuck for", "max by (domain) (mxwatch_queue_stuck_seconds<D>)", "s"),
        ("Maintenance", "max by (domain) (mxwatch_maintenance<D>)",
         [(0, "no", "text"), (1, "yes", "blue")]),
        ("Breaker", "max by (domain) (mxwatch_breaker_tripped<D>)",
         [(0, "reset", "green"), (1, "tripped", "red")]),
    ], only=LATE, sort="Lifetime used", name=named)


def queue(p):
    p.row("Queue")
    p.graph("Messages by state", "All chosen daemons together. Held: by an operator.", "short",
            ("{{state}}",
             "sum by (state) (instance_state:mxwatch_queue_messages:sum<I>)"), stack=True)
    p.graph("Messages by domain", "The 20 domains that had most in the range shown.", "short",
            ("{{domain}}",
             top("domain", "sum", "instance_domain:mxwatch_queue_messages:sum<D>", " > 0")))
    p.graph("Age of the oldest message", "The 20 domains with the oldest in the range shown.", "s",
            ("{{domain}}",
             top("domain", "max", "mxwatch_queue_oldest_message_age_seconds<D>", " > 0")))
    p.graph("Lifetime used by domain", "Of the message that has used most of its own, extensions "
            "included; it goes back at 100%.", "percentunit",
            ("{{domain}}", top("domain", "max", "mxwatch_queue_lifetime_used_ratio<D>", " > 0")))
    p.bars("Messages by age", "What is queued now, reports included.", "short",
           ("up to 1 h", older(AGES, None, 3600)), ("1 to 12 h", older(AGES, 3600, DAY // 2)),
           ("12 to 24 h", older(AGES, DAY // 2, DAY)), ("1 to 3 d", older(AGES, DAY, 3 * DAY)),
           ("3 to 5 d", older(AGES, 3 * DAY, 5 * DAY)), ("more", older(AGES, 5 * DAY, None)))
    p.graph("Bytes queued", "The 20 domains that had most in the range shown.", "bytes",
            ("{{domain}}", top("domain", "sum", "mxwatch_queue_bytes<D>", " > 0")))


def delivery(p):
    p.row("Delivery and flush")
    p.graph("Recipients a second", "Of all domains of the chosen daemons. Deferred are tried "
            "again, bounced were refused for good, expired ran out of time.", "cps",
            ("delivered", "sum(instance:mxwatch_delivery_recipients_delivered:rate5m<I>)"),
            ("deferred", "sum(instance:mxwatch_delivery_recipients_deferred:rate5m<I>)"),
            ("bounced", "sum(instance:mxwatch_delivery_recipients_bounced:rate5m<I>)"),
            ("expired", "sum(instance:mxwatch_delivery_recipients_expired:rate5m<I>)"))
    p.graph("Failed attempts by phase", "Where deliveries end before the reply to the message.",
            "cps",
            ("{{phase}}",
             "sum by (phase) (instance_phase:mxwatch_delivery_attempts_failed:rate5m<I>) > 0"))
    p.graph("Bounces by status", "Recipients refused for good, by class of the enhanced status "
            "code: 5.1 address, 5.2 mailbox, 5.7 policy.", "cps",
            ("{{status}}", rate("status", "mxwatch_delivery_recipients_bounced_total<D>") + " > 0"))
    p.timeline("Breakers by domain", "Domains whose primary permanently refused what it should accept: "
               "their mail was held. Those that were, in the range shown.",
               "{{domain}}", top("domain", "max", "mxwatch_breaker_tripped<D>", " > 0"),
               [(0, "reset", "green"), (1, "tripped", "red")], w=8)
    p.graph("Refusals not believed", "Permanent refusals that contradict what is known, so that "
            "the mail stays queued, by whom they are about.", "cps",
            ("{{scope}}", rate("scope", "mxwatch_delivery_refusals_put_off_total<D>") + " > 0"))
    p.graph("Time from acceptance to delivery", "It is long after an outage, and a few seconds "
            "when the primary works.", "s",
            ("median", quantile(0.5, "mxwatch_delivery_delay_seconds")),
            ("95%", quantile(0.95, "mxwatch_delivery_delay_seconds")))
    p.graph("Flushes that run: messages left", "What a primary that is back still has to take.",
            "short",
            ("{{domain}}",
             named("topk(20, sum by (domain) (mxwatch_flush_remaining_messages<D>) and on (domain) "
                                 "max by (domain) (mxwatch_flush_in_progress<D>) > 0)")))
    p.graph("Flushes begun", "Flushes in an hour by what began them, and those that a primary cut "
            "off because it failed again.", "short",
            ("{{trigger}}", "sum by (trigger) (increase(mxwatch_flush_runs_total<D>[1h])) > 0"),
            ("failed", "sum(increase(mxwatch_flush_runs_failed_total<D>[1h]))"))
    p.graph("Duration of attempts", "From the connection to the reply to the message.", "s",
            ("median", quantile(0.5, "mxwatch_delivery_attempt_duration_seconds")),
            ("95%", quantile(0.95, "mxwatch_delivery_attempt_duration_seconds")))


def primaries(p):
    p.row("Primaries")
    p.table("Primaries", "Servers that take mail, the worst first. Window: connections that they "
            "are asked for at most now; ceiling: the most that they took. Limits are learned, "
            "0 is none known. Findings: domains whose probe recipient or sender is refused.",
            "primary", [
                ("State",
                 "max by (primary) (instance_primary:mxwatch_primary_state:code<P>)", STATES),
                ("Up in 30 days",
                 'min by (primary) (mxwatch_primary_availability_ratio<P,window="30d">)',
                 "percentunit"),
                ("Domains", "max by (primary) (mxwatch_primary_domains<P>)", "none"),
                ("Window", "max by (primary) (mxwatch_primary_window<P>)", "none"),
                ("Ceiling", "max by (primary) (mxwatch_primary_window_ceiling<P>)", "none"),
                ("Connections", "sum by (primary) (mxwatch_primary_connections<P>)", "none"),
                ("Paused", "max by (primary) (mxwatch_primary_paused<P>)",
                 [(0, "no", "green"), (1, "yes", "red")]),
                ("A message takes", "max by (primary) (mxwatch_primary_latency_seconds<P>)", "s"),
                ("Messages a connection",
                 "max by (primary) (mxwatch_primary_connection_message_limit<P>)", "none"),
                ("Recipients a message",
                 "max by (primary) (mxwatch_primary_transaction_recipient_limit<P>)", "none"),
                ("Pause between", "max by (primary) (mxwatch_primary_message_gap_seconds<P>)", "s"),
                ("Findings", "max by (primary) (mxwatch_primary_probe_findings<P>)", "none"),
            ], only="topk(50, max by (primary) (instance_primary:mxwatch_primary_state:code<P>))",
            sort="State")
    p.graph("Window and connections", "Delivery connections to the primaries that were asked for "
            "most in the range shown: open, asked for at most, and the most that was ever taken.",
            "none",
            ("{{primary}} from {{instance}}: open", busiest("mxwatch_primary_connections<P>")),
            ("{{primary}} from {{instance}}: window", busiest("mxwatch_primary_window<P>")),
            ("{{primary}} from {{instance}}: ceiling",
             busiest("mxwatch_primary_window_ceiling<P> > 0")))
    p.graph("Connections refused", "Delivery connections that did not become ready, of the 10 "
            "primaries that refused most.", "cps",
            ("{{primary}}",
             "topk(10, %s > 0)" % rate("primary", "mxwatch_primary_connections_refused_total<P>")))
    p.graph("Time for a message", "How long a primary takes for a message, and how long for its "
            "greeting, smoothed; the 10 slowest.", "s",
            ("{{primary}}: message",
             "topk(10, max by (primary) (mxwatch_primary_latency_seconds<P>) > 0)"),
            ("{{primary}}: greeting",
             "topk(10, max by (primary) (mxwatch_primary_greeting_seconds<P>) > 0)"))
    p.graph("Probe time by phase", "Of the last session, on average over primaries and daemons.",
            "s", ("{{phase}}", "avg by (phase) (mxwatch_primary_probe_duration_seconds<P>)"),
            stack=True)
    p.graph("Failed probes by phase", "Probe sessions that failed, by where they did.", "cps",
            ("{{phase}}", rate("phase", "mxwatch_primary_probe_sessions_failed_total<P>") + " > 0"))
    p.graph("Slowest probes", "The 10 primaries whose last probe session took longest.", "s",
            ("{{primary}}", "topk(10, max by (primary) (sum without (phase) "
             "(mxwatch_primary_probe_duration_seconds<P>)))"))
    p.graph("Certificates: time left", "The 10 whose chain ends first; of primaries that did TLS.",
            "s",
            ("{{primary}}", "bottomk(10, min by (primary) "
             "(mxwatch_primary_tls_earliest_cert_expiry_timestamp_seconds<P> > 0) - time())"))
    p.graph("TLS given up", "Probe sessions that continued in clear text because TLS failed.", "cps",
            ("{{primary}}",
             "topk(10, %s > 0)" % rate("primary", "mxwatch_primary_tls_fallbacks_total<P>")))
    p.graph("Replies late", "How long a probe was waited for beyond its timeout; the 10 longest.",
            "s", ("{{primary}}",
                  "topk(10, max by (primary) (mxwatch_primary_probe_slow_seconds<P>) > 0)"))


def recipients(p):
    p.row("Recipients and where they come from", folded=True)
    p.graph("Learned", "Recipients that were learned: of whom mail was taken or who passed a check "
            "(good), and whom the primary refused (bad).", "short",
            ("{{known}}", "sum by (known) (mxwatch_recipients_learned<D>)"))
    p.graph("Checks at the primaries", "Recipients of whom a primary was asked, by its answer.",
            "cps",
            ("{{answer}}", rate("answer", "mxwatch_recipients_checks_total<D>")))
    p.graph("Catch-all", "Domains whose primary takes any recipient, so that nothing is learned.",
            "none",
            ("domains", "sum(max by (domain) (mxwatch_recipients_catch_all<D>))"))
    p.graph("Entries of lists", "The 20 domains with most.", "short",
            ("{{domain}}", top("domain", "max", "mxwatch_recipients_list_entries<D>", " > 0")))
    p.graph("Age of lists", "Since a list in use was last known to be what its source has; 0 is a "
            "file that is there.", "s",
            ("{{domain}}", top("domain", "max", "mxwatch_recipients_list_age_seconds<D>", " > 0")))
    p.graph("Fetches", "Requests to sources of lists and domains, by what came of them.", "cps",
            ("{{result}}", rate("result", "mxwatch_fetches_total<I>")))
    p.graph("Domains from elsewhere", "Domains in force that come from domains_from, by daemon.",
            "short",
            ("{{instance}}", "mxwatch_domains_source_domains<I>"),
            ("{{instance}}: source fails", "mxwatch_domains_source_failing<I> > 0"))
    p.graph("Domains of mx_backup", "Domains that the DNS brought, by daemon.", "short",
            ("{{instance}}", "mxwatch_mx_backup_domains<I>"))
    p.graph("Decisions of mx_backup",
            "Recipients in domains without a section, by what became of them.",
            "cps", ("{{result}}", rate("result", "mxwatch_mx_backup_decisions_total<I>") + " > 0"))


def intake(p):
    p.row("Intake", folded=True)
    p.graph("Messages accepted a second", "All domains of each daemon.", "cps",
            ("{{instance}}",
             "sum by (instance) (instance:mxwatch_smtpd_messages_accepted:rate5m<I>)"))
    p.graph("Messages accepted by domain", "The 20 domains with most now.", "cps",
            ("{{domain}}", named("topk(20, %s > 0)" % rate(
                "domain", "mxwatch_smtpd_messages_accepted_total<D>"))))
    p.graph("Refusals by reason", "What this host refuses.", "cps",
            ("recipient: {{reason}}",
             rate("reason", "mxwatch_smtpd_recipients_rejected_total<I>") + " > 0"),
            ("message: {{reason}}",
             rate("reason", "mxwatch_smtpd_messages_rejected_total<I>") + " > 0"),
            ("connection: {{reason}}",
             rate("reason", "mxwatch_smtpd_connections_rejected_total<I>") + " > 0"))
    p.graph("Sessions", "Inbound sessions, and the most that are allowed.", "short",
            ("{{instance}}", "mxwatch_smtpd_sessions<I>"),
            ("{{instance}}: most", "mxwatch_smtpd_sessions_max<I>"))
    p.graph("Sessions lost by phase", "Clients that went away in the middle.", "cps",
            ("{{phase}}", rate("phase", "mxwatch_smtpd_sessions_lost_total<I>") + " > 0"))
    p.graph("Lists in the DNS", "Clients looked up, found and refused, by list.", "cps",
            ("{{list}}: looked up", rate("list", "mxwatch_dnsbl_queries_total<I>")),
            ("{{list}}: found", rate("list", "mxwatch_dnsbl_hits_total<I>")),
            ("{{list}}: failed", rate("list", "mxwatch_dnsbl_failures_total<I>")))


def reports(p):
    p.row("Notifications to senders and the vault", folded=True)
    p.graph("Reports", "Delivery status notifications queued, by what they tell.", "cps",
            ("{{action}}", rate("action", "mxwatch_dsn_generated_total<I>")))
    p.graph("Reports not sent", "By why not; put off: they had to wait for the hourly rate.", "cps",
            ("{{reason}}", rate("reason", "mxwatch_dsn_suppressed_total<I>") + " > 0"),
            ("put off", "sum(rate(mxwatch_dsn_put_off_total<I>[$__rate_interval]))"))
    p.graph("Reports queued", "Messages to destinations that are not configured.", "short",
            ("{{instance}}", "mxwatch_queue_reports_messages<I>"))
    p.graph("Vault", "Messages in the vault: returned, expired or removed, and kept.", "short",
            ("{{instance}}", "mxwatch_vault_messages<I>"))
    p.graph("Bytes of the vault", "Where vault { size } is reached the oldest go.", "bytes",
            ("{{instance}}", "mxwatch_vault_bytes<I>"))
    p.graph("Left the vault", "By how: kept long enough, for others, for space, purged, replayed.",
            "cps",
            ("{{how}}", rate("how", "mxwatch_vault_ended_total<I>") + " > 0"))


def alerts(p):
    p.row("Alerts", folded=True)
    p.graph("Alerts that fire", "By rule; several daemons about one domain count once.", "none",
            ("{{alert}}",
             "sum by (alert) (max by (alert, domain, list) (mxwatch_alerts_active<D>)) > 0"))
    p.graph("Notifications", "By receiver: accepted, and attempts that failed.", "cps",
            ("{{receiver}}", rate("receiver", "mxwatch_notifications_total<I>")),
            ("{{receiver}}: failed",
             rate("receiver", "mxwatch_notifications_failed_total<I>") + " > 0"))
    p.graph("Notifications waiting by receiver", "Not yet accepted, by receiver and daemon.",
            "none",
            ("{{receiver}} of {{instance}}", "mxwatch_notifications_pending<I>"))
    p.graph("Last heartbeat", "Since the last one that was accepted.", "s",
            ("{{receiver}} of {{instance}}",
             "time() - (mxwatch_heartbeat_last_success_timestamp_seconds<I> > 0)"))
    p.graph("Outages", "On record and not over, of primaries and domains: mxwatchctl outages.",
            "none", ("{{instance}}", "mxwatch_outages_open<I>"),
            ("{{instance}}: the record cannot be written", "mxwatch_ledger_unwritable<I> > 0"))
    p.graph("SNMP", "Whether the subagent has a master agent.", "none",
            ("{{instance}}", "mxwatch_agentx_connected<I>"))


def cluster(p):
    """Of daemons that share a queue; of all others there are no series. What each
    sees of the whole is joined by the worst, what lies at one alone is added up."""
    bad = [(None, "green"), (1, "red")]
    p.row("Cluster", folded=True)
    p.stat("Nodes live", "Nodes that are there and take domains: the fewest that any sees.",
           "min(mxwatch_cluster_nodes_live<I>)", "none", [(None, "red"), (2, "green")])
    p.stat("Nodes missing", "Nodes that show no activity and have not left the cluster.",
           "max(mxwatch_cluster_nodes_missing<I>)", "none", bad)
    p.stat("Engine away for", "The longest of any node; new mail lands at the nodes meanwhile.",
           "max(mxwatch_cluster_engine_away_seconds<I>)", "s",
           [(None, "green"), (1, "orange"), (60, "red")])
    p.stat("Synchronous standby", "Whether the engine has one, as all nodes see it.",
           "min(mxwatch_cluster_synchronous<I>)", "none", [(None, "red"), (1, "green")],
           words={0: "missing", 1: "there"})
    p.stat("Domains without a node", "Nobody delivers their mail; for a moment this is so when "
           "they move.", "max(mxwatch_cluster_unowned_domains<I>)", "none", bad)
    p.stat("Configurations", "Whether the live nodes have the same.",
           "max(mxwatch_cluster_node_config_differs<I>)", "none", bad,
           words={0: "same", 1: "differ"})
    p.stat("Mail at one node alone", "Messages that landed in the spool of a node and are not in "
           "the engine: they are lost with its disk.",
           "sum(mxwatch_cluster_local_messages<I>)", "short", [(None, "green"), (1, "orange")])
    p.stat("Oldest at one node alone", "The age of the oldest of these.",
           "max(mxwatch_cluster_local_oldest_message_age_seconds<I>)", "s",
           [(None, "green"), (600, "orange"), (3600, "red")])
    p.graph("Domains by node", "Domains whose mail the node has, and those that no node has.",
            "short", ("{{node}}", "max by (node) (mxwatch_cluster_node_domains<I>)"),
            ("none", "max(mxwatch_cluster_unowned_domains<I>)"), stack=True)
    p.graph("Nodes that are silent", "For how long the others have not seen a node stir; it is "
            "declared dead after the lease.", "s",
            ("{{node}}", "max by (node) (mxwatch_cluster_node_silent_seconds<I>)"))
    p.graph("Live nodes by who sees them", "Where they differ some nodes do not reach the engine.",
            "short", ("{{instance}}", "mxwatch_cluster_nodes_live<I>"))
    p.graph("Engine away by node", "For how long a node has not reached it.", "s",
            ("{{instance}}", "mxwatch_cluster_engine_away_seconds<I>"))
    p.graph("Mail at one node alone by node", "It moves to the engine when that is back.", "short",
            ("{{instance}}", "mxwatch_cluster_local_messages<I>"))
    p.graph("Domains on their way", "From a node to another; and nodes that were declared dead.",
            "short", ("from {{instance}}", "mxwatch_cluster_leaving_domains<I>"),
            ("{{instance}} was fenced", "mxwatch_cluster_fenced<I> > 0"))


def daemon(p):
    p.row("The daemon", folded=True)
    p.graph("Time to make mail durable", "From the last byte to the 250: the disk.", "s",
            ("median", quantile(0.5, "mxwatch_spool_commit_duration_seconds")),
            ("99%", quantile(0.99, "mxwatch_spool_commit_duration_seconds")))
    p.graph("Free space in the spool", "Mail is refused with 452 below the reserve.", "bytes",
            ("{{instance}}", "mxwatch_spool_free_bytes<I>"),
            ("{{instance}}: reserve", "mxwatch_spool_reserve_bytes<I>"))
    p.graph("Loop lag", "The largest delay of a timer: CPU or disk is lacking above 0.1 s.", "s",
            ("{{instance}}", "mxwatch_event_loop_lag_seconds<I>"))
    p.graph("CPU", "Seconds of CPU that the daemon takes a second.", "none",
            ("{{instance}}", "rate(process_cpu_seconds_total<I>[$__rate_interval])"))
    p.graph("Memory", "What the daemon has resident.", "bytes",
            ("{{instance}}", "process_resident_memory_bytes<I>"))
    p.graph("Descriptors", "Open, and the most that are allowed.", "short",
            ("{{instance}}", "process_open_fds<I>"), ("{{instance}}: most", "process_max_fds<I>"))
    p.graph("Lookups that fail", "Queries to the resolver that failed, by how.", "cps",
            ("{{reason}}", rate("reason", "mxwatch_dns_queries_failed_total<I>") + " > 0"))
    p.graph("Trouble", "Operations of the spool that failed, stored messages that did not hold, "
            "and lines of the log that were lost.", "cps",
            ("spool: {{op}}", rate("op", "mxwatch_spool_errors_total<I>") + " > 0"),
            ("damaged {{kind}}", rate("kind", "mxwatch_spool_damaged_total<I>") + " > 0"),
            ("lines of log", "sum(rate(mxwatch_log_lines_dropped_total<I>[$__rate_interval]))"))
    p.graph("Configuration", "1: the last one was read and is in force.", "none",
            ("{{instance}}", "mxwatch_config_last_reload_successful<I>"))


# name, colour, text, query: a time in seconds, of when it happened. Of each step
# the last one, whatever the scrapes and the steps are.
ANNOTATIONS = [
    ("Primary down", "red", "{{primary}} down",
     "min by (primary) (max_over_time("
     "instance_primary:mxwatch_primary_state_change_timestamp_seconds:down<P>[$__interval]))"),
    ("Primary up", "green", "{{primary}} up",
     "max by (primary) (max_over_time("
     "instance_primary:mxwatch_primary_state_change_timestamp_seconds:up<P>[$__interval]))"),
    ("Breaker tripped", "dark-red", "{{domain}}: the breaker tripped",
     "min by (domain) (max_over_time("
     "instance_domain:mxwatch_breaker_tripped_timestamp_seconds:told<D>[$__interval]))"),
    ("Daemon started", "blue", "{{instance}} started",
     "max by (instance) (max_over_time(process_start_time_seconds<I>[$__interval]))"),
    ("Configuration loaded", "purple", "{{instance}}: configuration",
     "max by (instance) (max_over_time("
     "mxwatch_config_last_reload_success_timestamp_seconds<I>[$__interval]))"),
]
