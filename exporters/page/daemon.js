/* SPDX-License-Identifier: ISC
 * daemon: the figures of all together, what is wrong with mxwatchd itself, and its nodes,
 * reports, removed domains and receivers. */

function tile(i, value, key, name, bad) {
	var ul = $("tiles"), li = ul.children[i];
	if (!li) {
		li = add(ul, "li");
		add(li, "span", "n");
		words(li, " ");
		add(li, "span", "k");
	}
	set(li.children[0], value);
	attr(li.children[0], "class", "n" + (bad ? " bad" : ""));
	set(li.children[1], key);
	attr(li, "title", name || "");
}
/* How many are what else; each leads to them. */
function updateStates(tile) {
	var of = {}, e = tile.querySelector(".states"), kinds = ["down", "suspect", "recovering", "unknown", "disabled", "maintenance", "removed"];
	var tally = function (k) { of[k] = (of[k] || 0) + 1; };
	domains.forEach(function (d) {
		tally(stateOf(d));
		if (d.maintenance) tally("maintenance");
		if (isRemoved(d)) tally("removed");
	});
	if (!e) {
		words(tile, " ");
		e = add(tile, "span", "states");
	}
	kinds = kinds.filter(function (k) { return of[k] > 0; });
	if (!differs(e, JSON.stringify(kinds.map(function (k) { return [k, of[k]]; })))) return;
	e.replaceChildren();
	kinds.forEach(function (k) {
		link(e, "is-" + k, group(of[k]) + "\u00A0" + (k === "maintenance" ? "in maintenance" : k), only(k));
	});
}
function updateTiles() {
	var n = 0, size = 0, old = 0, next = 0, up = 0, s = status.spool || {}, r = status.reports || {};
	domains.forEach(function (d) {
		n += messages(d);
		size += num(queue(d).bytes);
		old = least(old, oldest(d));
		next = least(next, expiry(d));
		up += d.state === "up" ? 1 : 0;
	});
	tile(0, group(up) + " of " + group(domains.length), "up");
	updateStates($("tiles").children[0]);
	tile(1, group(n), (n === 1 ? "message" : "messages") + " queued, " + bytes(size));
	tile(2, old ? duration(now() - old) : "\u2013", "oldest", old ? exact(old) : "");
	tile(3, next ? next > now() ? "in " + duration(next - now()) : "now" : "\u2013", "first expires", next ? exact(next) : "", isNear(next));
	tile(4, group(r.messages), num(r.messages) === 1 ? "report" : "reports", "Queued delivery reports of this server, and mail of removed domains");
	tile(5, bytes(s.free_bytes), s.accepting === false ? "free: MAIL IS REFUSED" : "free", "In the spool", s.accepting === false);
	tile(6, group((status.smtpd || {}).sessions) + " / " + group((status.delivery || {}).connections), "in / out", "Connections");
}
function updateSummary() {
	var states = {}, down, planned = 0, n = 0, worst, text;
	domains.forEach(function (d) {
		states[d.state] = (states[d.state] || 0) + 1;
		planned += d.state === "down" && d.maintenance ? 1 : 0;
		n += needsAttention(d) ? 1 : 0;
	});
	down = states.down || 0;
	worst = down > planned ? "down" : domains.length === 0 || down ? "suspect" : states.recovering ? "recovering" : states.suspect ? "suspect" : "up";
	text = domains.length === 0 ? "\u2013 Nothing to watch" : n === 0 && causesAll.length === 0 ? MARK.up + " All is well" : down > 0 ? MARK.down + " " + count(down, "domain is down", "domains are down") +
		(planned === 0 ? "" : planned < down ? ", " + group(planned) + " in maintenance" : ", in maintenance") :
		n === 0 ? MARK.suspect + " Domains are well" : MARK[worst === "up" ? "suspect" : worst] + " " + count(n, "domain needs", "domains need") + " attention";
	set($("summary"), text);
	attr($("summary"), "class", "is-" + (n > 0 && worst === "up" ? "suspect" : worst));
	document.title = (down ? "(" + down + " down) " : "") + "mxwatch " + clean(str(status.hostname));
	attr($("icon"), "href", "data:image/svg+xml," + encodeURIComponent('<svg xmlns="' + SVG + '" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="' +
		({ down: "#c0262d", recovering: "#1f63c4", suspect: "#d99a1c", up: "#1a7f4b" })[worst] + '"/></svg>'));
}

/* The program's name keeps its small letter. */
function say(s) { return (s.startsWith("mxwatchd") ? s : s[0].toUpperCase() + s.slice(1)) + ". "; }
function clusterTrouble(c, t) {
	var e = c.engine || {}, l = c.local || {};
	if (e.away_since) t.push(["the engine went away ", e.away_since, ": new mail stays at the node that takes it"]);
	else if (e.synchronous === false) t.push(["the engine has no synchronous standby" + (e.require_sync === true ? ": new mail stays at the node that takes it" : "")]);
	if (num(l.messages) > 0) t.push([count(l.messages, "message is", "messages are") + " in the spool of this node alone"]);
	if (c.fenced === true) t.push(["this node was taken for dead: its domains are at others until it has joined again"]);
	if (c.left === true) t.push(["this node was taken out of the cluster"]);
}
function updateTrouble() {
	var t = [], s = status || {}, e = $("trouble");
	if (failures > 0) t.push(lastGood ? ["mxwatchd does not answer: the page shows the state of ", lastGood, "; it is asked again"] : ["mxwatchd does not answer; the page retries every few seconds"]);
	if (status && s.ready === false) t.push(["not ready: " + (str(s.not_ready) || "starting")]);
	if (s.spool && s.spool.accepting === false) t.push(["the spool is " + str(s.spool.state) + ": new mail is refused for now"]);
	if (s.config && s.config.reload_ok === false) t.push(["the last configuration was refused: an older one is in force"]);
	if (s.smtpd && s.smtpd.certificate_refused === true) t.push(["the new certificate of smtpd is not usable: an older one is shown"]);
	if (s.web && s.web.files_refused === true) t.push(["the new certificate or users of web are not usable: older ones are in force"]);
	if (s.clock && s.clock.doubted === true) t.push(["the clock leapt ahead: nothing expires for now"]);
	if (s.cluster) clusterTrouble(s.cluster, t);
	if (differs(e, JSON.stringify(t))) {
		e.replaceChildren();
		t.forEach(function (x) {
			if (x.length === 1) { words(e, say(x[0])); return; }
			words(e, say(x[0]).slice(0, -2)); /* the sentence goes on */
			time(e, x[1]);
			words(e, x[2] + ". ");
		});
	}
	e.hidden = t.length === 0;
	document.body.classList.toggle("stale", failures > 0);
	if (failures > 0) set($("fresh"), "not live");
	else if (lastGood) { set($("fresh"), "live"); attr($("fresh"), "title", "as of " + exact(lastGood)); }
}

function nodeLine(n) {
	var li = el("li", n.config_differs === true ? "warn" : n.up === true ? "live" : n.state === "stopped" ? "quiet" : "crit");
	if (n.us === true) add(li, "strong", "", str(n.node) + " (this node)"); else nodeName(li, str(n.node));
	words(li, " " + str(n.state) + ", " + count(n.domains, "domain", "domains") + (n.up !== true && num(n.silent_seconds) > 0 ? ", silent for " + duration(n.silent_seconds) : "") +
		(n.version ? ", " + str(n.version) : "") + (n.config_differs === true ? ", ANOTHER CONFIGURATION" : ""));
	return li;
}
function updateNodes() {
	var c = status.cluster, all, of, line = $("nodes-line");
	$("cluster").hidden = line.hidden = !c || typeof c !== "object";
	if ($("cluster").hidden) return;
	of = c.domains || {};
	all = objects(c.nodes);
	set($("cluster-title"), group(c.live) + " of " + count(all.length, "node", "nodes"));
	set($("cluster-text"), "This is " + str(c.node) + ". It has " + group(of.ours) + " of " + count(of.all, "domain", "domains") +
		(num(of.leaving) > 0 ? "; " + group(of.leaving) + " move" : "") + (num(of.unowned) > 0 ? "; " + group(of.unowned) + " without a node" : ""));
	if (!differs(line, JSON.stringify(c))) return;
	fill($("node-list"), all.map(nodeLine));
	line.replaceChildren();
	add(line, "strong", "", "Nodes: ");
	all.forEach(function (n) {
		var e = link(line, "tag " + (n.config_differs === true ? "warn" : n.up === true ? "good" : n.state === "stopped" ? "quiet" : "crit"), str(n.node) + " " + str(n.state), "#view=daemon");
		e.title = count(n.domains, "domain", "domains");
	});
}
/* What `mxwatchctl doctor` found; the document has the worst fifty. */
function finding(f) {
	var li = el("li", f.severity === "error" ? "crit" : f.severity === "warning" ? "warn" : "");
	if (f.domain) link(li, "", str(f.domain), pin(str(f.domain))); else add(li, "strong", "", "This host");
	words(li, " ");
	add(li, "span", "tag " + (f.severity === "error" ? "crit" : f.severity === "warning" ? "warn" : "quiet"), str(f.severity) + ", " + str(f.check));
	words(li, " " + str(f.text));
	if (f.remedy) add(li, "span", "soft", " " + str(f.remedy));
	return li;
}
function updateDoctor() {
	var d = status.doctor || {}, found = objects(d.findings), all = num(d.errors) + num(d.warnings) + num(d.infos), e = $("doctor-text");
	if (!differs(e, JSON.stringify(d))) return;
	set($("doctor-title"), "Doctor: " + count(num(d.errors), "error", "errors") + ", " + count(num(d.warnings), "warning", "warnings"));
	e.replaceChildren();
	if (d.checked) { words(e, "The last full check was "); time(e, d.checked); words(e, d.running === true ? "; it is being checked again. " : ". "); }
	else words(e, d.running === true ? "The first full check is running. " : "Nothing has been checked yet. ");
	sentence(e, "`mxwatchctl doctor --now` checks while you wait.");
	fill($("doctor-list"), found.map(finding));
	if (all > found.length) add($("doctor-list"), "li", "soft", "and " + group(all - found.length) + " more");
}
function heap(to, h, what) {
	var li = add(to, "li");
	add(li, "strong", "", group((h || {}).messages));
	words(li, " " + what + (h && num(h.messages) > 0 ? ", " + bytes(h.bytes) + ", the oldest came " : ""));
	if (h && num(h.messages) > 0) time(li, h.oldest);
}
function updateDaemon() {
	var gone = domains.filter(isRemoved), ul = $("reports-list");
	if (!differs(ul, JSON.stringify([status.reports, status.vault, gone.map(function (d) { return [d.domain, messages(d)]; }), status.receivers]))) return;
	ul.replaceChildren();
	heap(ul, status.reports, "reports and messages of nobody\u2019s domain wait");
	heap(ul, status.vault, "returned messages are kept in the vault");
	ul = $("removed-list");
	ul.replaceChildren();
	if (gone.length === 0) add(ul, "li", "soft", "None.");
	gone.slice(0, 50).forEach(function (d) {
		var li = add(ul, "li");
		link(li, "", d.domain, pin(d.domain));
		words(li, ", " + count(messages(d), "message", "messages"));
		if (isWord(d.domain)) { words(li, ": "); add(li, "code", "", "mxwatchctl forget " + d.domain); }
	});
	if (gone.length > 50) add(ul, "li", "soft", "and " + group(gone.length - 50) + " more");
	ul = $("receivers-list");
	ul.replaceChildren();
	if (objects(status.receivers).length === 0) add(ul, "li", "soft", "Nobody is notified of alerts: no receiver is configured, see mxwatchd.conf(5).");
	objects(status.receivers).forEach(function (r) {
		var li = add(ul, "li", r.error ? "crit" : "");
		add(li, "strong", "", str(r.receiver));
		words(li, " " + group(r.sent) + " sent, " + group(r.failed) + " failed, " + group(r.pending) + " wait; the last one was told ");
		time(li, r.last_success);
		if (r.error) add(li, "span", "bad", " " + str(r.error));
	});
}
