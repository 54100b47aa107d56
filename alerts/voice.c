/* SPDX-License-Identifier: ISC
 * voice: see voice.h. */
#include "alerts/voice.h"

enum voice
voice_of(enum alert_kind kind)
{
	switch (kind) {
	case ALERT_queue_age:
	case ALERT_queue_expiry:
	case ALERT_mail_expired:
	case ALERT_queue_depth:
	case ALERT_bounce_rate:
	case ALERT_delivery_stuck:
	case ALERT_breaker_tripped:
		return VOICE_OWNER;
	case ALERT_primary_down:
	case ALERT_primary_flapping:
	case ALERT_cert_expiry:
	case ALERT_probe_finding:
	case ALERT_tls_fallback:
		return VOICE_PRIMARY;
	case ALERT_cluster_engine_away:
		return VOICE_EACH;
	case ALERT_cluster_not_synchronous:
	case ALERT_cluster_node_missing:
	case ALERT_cluster_unit_without_owner:
	case ALERT_cluster_configurations_differ:
		return VOICE_CLUSTER;
	default: /* also when a node's lists or probes stand still */
		return VOICE_NODE;
	}
}

/* By the primary that mail goes to first, as the group of the domain. */
static bool
tells_of_primary(const struct snapshot *s, const struct snap_domain *d)
{
	const struct snap_server *v = NULL;

	if (d->nprimaries > 0)
		v = snapshot_server(s, d->primary[0].label);
	if (d->owner[0] != '\0' && (v == NULL || v->host.owners <= 1))
		return d->ours;
	return v != NULL ? !v->host.told_by_another : s->cluster.speaks;
}

bool
voice_tells(const struct snapshot *s, enum alert_kind kind,
    const struct snap_domain *d)
{
	if (!s->cluster.on)
		return true;
	switch (voice_of(kind)) {
	case VOICE_NODE:
	case VOICE_EACH:
		break;
	case VOICE_OWNER:
		return d == NULL || d->ours;
	case VOICE_PRIMARY:
		return d == NULL || s->cluster.away_ms != 0 ||
		    tells_of_primary(s, d);
	case VOICE_CLUSTER:
		return s->cluster.speaks;
	}
	return true;
}
