/* SPDX-License-Identifier: ISC
 * page: the address, the keyboard, and asking mxwatchd. What is looked at is in the
 * fragment of the address, "#q=WORDS&sort=-queued&domain=NAME&view=outages", with a
 * domain= for each row that is open, so it can be sent to somebody; "#example.org", as
 * alerts have it, opens that domain. */

var VIEWS = ["domains", "outages", "daemon"];
function start() { return { q: "", sort: "-state", open: [], attention: false, view: "domains" }; }
var at = start();
var lastGood = 0, failures = 0; /* lastGood: by the daemon's clock */

/* ---- address */

function addressOf() {
	var p = new URLSearchParams();
	if (at.q) p.set("q", at.q);
	if (at.attention) p.set("attention", "1");
	if (at.sort !== "-state") p.set("sort", at.sort);
	at.open.forEach(function (name) { p.append("domain", name); });
	if (at.view !== "domains") p.set("view", at.view);
	return "#" + p.toString();
}
/* A step is one that the Back of the browser takes back. */
function writeAddress(step) {
	if (location.hash === addressOf() || (location.hash === "" && addressOf() === "#")) return;
	window.history[step ? "pushState" : "replaceState"](null, "", addressOf());
}
function isDomain(name) { return domains.some(function (d) { return d.domain === name; }); }
function readAddress() {
	var text = location.hash.slice(1), p, name, is = start();
	if (text === "domains" || text === "") { /* the link that skips to them */
		if (text === "domains") return;
	} else if (text.indexOf("=") < 0) {
		try { name = decodeURIComponent(text); } catch (e) { return; }
		if (isDomain(name)) is.open = [name]; else is.q = name;
	} else {
		p = new URLSearchParams(text);
		is.q = p.get("q") || "";
		is.attention = p.get("attention") === "1";
		if (SORTS[(p.get("sort") || "").replace(/^-/, "")]) is.sort = p.get("sort");
		if (VIEWS.indexOf(p.get("view")) >= 0) is.view = p.get("view");
		is.open = Array.from(new Set(p.getAll("domain"))).filter(isDomain).slice(-OPEN);
		if (is.open.length === 0 && p.get("domain")) is.q = p.get("domain");
	}
	at = is;
	$("filter").value = at.q;
	$("attention").checked = at.attention;
	show(true);
}
/* The row that was opened last. */
function lastOpen() { return at.open[at.open.length - 1]; }
/* The rows that the address names are opened, and the last of them is seen. */
function show(jump) {
	var last = lastOpen();
	details.forEach(function (d) { if (at.open.indexOf(d.name) < 0) closeDetail(d); });
	at.open.forEach(function (name) { if (!details.has(name)) openDetail(name); });
	render(true);
	if (jump && last && at.view === "domains") {
		if (!place.has(last)) {
			at.q = $("filter").value = "";
			writeAddress();
			render(true);
		}
		goTo(place.get(last));
		window.scrollBy(0, rows.get(last).tr.getBoundingClientRect().top - 80);
		putRows();
	}
	askDetails();
}
function toggle(name) {
	var open = at.open.filter(function (x) { return x !== name; });
	if (open.length === at.open.length) open = open.concat(name).slice(-OPEN);
	at.open = open;
	writeAddress(true);
	show();
	if (rows.has(name)) rows.get(name).name.focus({ preventScroll: true });
}
function closeAll() {
	at.open = [];
	writeAddress(true);
	show();
	$("domains").focus({ preventScroll: true });
}

/* ---- rendering */

function render(byHand) {
	if (!status) return;
	set($("title"), "mxwatch " + str(status.hostname));
	set($("version"), "mxwatch " + str(status.version) + ", running for " + duration(now() - num(status.started)));
	document.querySelectorAll("nav a").forEach(function (a) {
		if (a.dataset.view === at.view) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
	});
	VIEWS.forEach(function (v) { $("view-" + v).hidden = v !== at.view; });
	updateTiles();
	updateCauses();
	updateSummary();
	updateNodes();
	updateTrouble();
	if (at.view === "outages") updateOutages();
	if (at.view === "daemon") { updateDaemon(); updateDoctor(); }
	if (at.view === "domains") {
		details.forEach(function (d) { renderDetail(d); });
		renderTable(!byHand);
		lookAtOpen();
	}
	tickTimes();
}

/* ---- asking; nothing while nobody looks */

function get(url) {
	var stop = new AbortController(), timer = setTimeout(function () { stop.abort(); }, 15000);
	return fetch(url, { cache: "no-store", signal: stop.signal }).then(function (r) {
		return r.text().then(function (t) {
			var e = new Error(r.ok ? "" : t.trim().slice(0, 300) || "status " + r.status);
			e.status = r.status;
			if (!r.ok) throw e;
			return JSON.parse(t);
		});
	}).finally(function () { clearTimeout(timer); });
}
function again(f, ms) {
	setTimeout(function run() {
		if (document.hidden) setTimeout(run, 1000); else f();
	}, ms);
}
function pollStatus() {
	get("/api/v1/status?brief=1").then(function (s) {
		var first = !status;
		take(s);
		lastGood = num(s.time);
		failures = 0;
		if (!at.open.every(isDomain)) { /* it left the configuration, and is empty */
			at.open = at.open.filter(isDomain);
			details.forEach(function (d) { if (!isDomain(d.name)) closeDetail(d); });
			writeAddress();
		}
		if (first) { render(); readAddress(); } else render();
	}).catch(function () {
		failures++;
		updateTrouble();
		if (!status) set($("summary"), "No answer");
	}).finally(function () {
		askDetails();
		again(pollStatus, domains.length > 1000 ? 10000 : 3000);
	});
}
function askOutages() {
	return get("/api/v1/outages?since=" + Number($("span").value) + "d&limit=500").then(function (a) {
		outages = { all: objects(a.outages), more: a.next !== null };
		render();
	}).catch(function () {});
}
function pollOutages() {
	(at.view === "outages" || !outages ? askOutages() : Promise.resolve()).finally(function () { again(pollOutages, 10000); });
}

/* ---- keyboard and pointer */

function onKey(e) {
	var typing = e.target.matches("input, select, textarea");
	if (e.ctrlKey || e.altKey || e.metaKey) return;
	if (e.key === "/" && !typing) {
		e.preventDefault();
		$("filter").focus();
		$("filter").select();
	} else if (e.key === "Escape" && e.target === $("filter")) {
		if (at.q) { $("filter").value = ""; onFilter(); } else goTo(0);
	} else if (e.key === "Escape" && at.open.length > 0) {
		toggle(openAt(e.target) || lastOpen());
	} else if (e.target === $("filter") && (e.key === "ArrowDown" || e.key === "Enter")) {
		e.preventDefault();
		goTo(0);
	}
}
/* The open row that one is in, or whose details. */
function openAt(e) {
	var d = detailOf(e);
	return d ? d.name : at.open.find(function (name) { return rows.has(name) && rows.get(name).tr.contains(e); });
}
function onFilter() {
	at.q = $("filter").value.trim();
	at.attention = $("attention").checked;
	cursor = "";
	writeAddress();
	render(true);
}
function onSort(e) {
	var th = e.target.closest("th[data-sort]"), name = th && th.dataset.sort, was = at.sort.replace(/^-/, "");
	if (!th || !e.target.closest("button")) return;
	at.sort = name === was ? (at.sort[0] === "-" ? name : "-" + name) : (SORTS[name].down ? "-" : "") + name;
	writeAddress();
	render(true);
}
var drawing = false, openTop = NaN; /* where the line that is open was seen last */
function lookAtOpen() { openTop = rows.has(lastOpen()) ? rows.get(lastOpen()).tr.getBoundingClientRect().top : NaN; }
function onScroll() {
	if (drawing || !status || at.view !== "domains") return;
	drawing = true;
	requestAnimationFrame(function () {
		drawing = false;
		lookAtOpen();
		putRows();
		askDetails();
	});
}
/* Lines have another height on a phone that was turned: the one that is open stays. */
function onResize() {
	var y = openTop, last = lastOpen();
	if (!status) return;
	render(true);
	if (at.view !== "domains" || !place.has(last) || !(y > -details.get(last).height && y < window.innerHeight)) return;
	window.scrollBy(0, $("rows").getBoundingClientRect().top + top(place.get(last)) - y);
	putRows();
	lookAtOpen();
}

PHASES.forEach(function (name, i) {
	var li = add($("key"), "li");
	add(li, "i", "b" + i);
	words(li, name);
});
document.addEventListener("keydown", onKey);
$("rows").addEventListener("keydown", onTableKey);
$("rows").addEventListener("focusin", function (e) {
	rows.forEach(function (r, name) { if (r.name === e.target) cursor = name; });
});
$("filter").addEventListener("input", onFilter);
$("attention").addEventListener("change", onFilter);
$("heads").addEventListener("click", onSort);
$("close-all").addEventListener("click", closeAll);
$("causes-more").addEventListener("click", function () { moreCauses = !moreCauses; renderCauses(); });
$("span").addEventListener("change", askOutages);
window.addEventListener("hashchange", function () { if (status) readAddress(); });
window.addEventListener("scroll", onScroll, { passive: true });
window.addEventListener("resize", onResize);
window.addEventListener("beforeprint", function () { print(true); });
window.addEventListener("afterprint", function () { print(false); });
pollStatus();
pollOutages();
