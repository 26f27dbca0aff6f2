// The shop's only script. Every page works without it; it adds comfort: steppers, the price of a chosen
// variant, search suggestions, totals that follow the delivery choice, a purchase page that moves by itself.
const $ = (s, root = document) => root.querySelector(s);
const $$ = (s, root = document) => [...root.querySelectorAll(s)];
// The browser's own parser reads the answer: the policy on trusted types lets no script make a document of a string.
const page = (url, method = "GET", body = null) => new Promise((done, fail) => {
  const r = new XMLHttpRequest();
  r.open(method, url); r.responseType = "document";
  r.onload = () => r.response ? done(r.response) : fail(r.status); r.onerror = fail;
  r.send(body);
});

// Take focus where the server asked for it, in browsers that ignore autofocus on headings.
$("h1[autofocus], .summary[autofocus]")?.focus({ preventScroll: true });

// Add to cart in place: the badge follows; the answer is the cart page's own words.
for (const form of $$("form[data-add]")) form.addEventListener("submit", async (e) => {
  e.preventDefault();
  const say = $("[data-note]", form), button = $("button:not([type])", form);
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true"; try {
    const doc = await page(form.action, "POST", new URLSearchParams(new FormData(form, button)));
    const badge = $("[data-cart]", doc), note = $("[data-said]", doc);
    if (!badge || !note?.textContent.trim()) throw 0;
    $("[data-cart]").replaceWith(badge);
    say.replaceChildren(...note.childNodes);
    $("[data-next]", form).hidden = false;
  } catch { location.assign(form.dataset.add); }
  form.ariaBusy = "false";
});

// Quantity steppers.
for (const qty of $$("[data-qty]")) {
  const input = $("input", qty);
  for (const b of $$("button", qty)) {
    b.hidden = false;
    b.addEventListener("click", () => {
      const n = (parseInt(input.value, 10) || 0) + Number(b.dataset.step);
      input.value = Math.min(Math.max(n, Number(input.min) || 0), Number(input.max) || 999);
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
}

// A chosen variant brings its own price and stock line, rendered by the server.
for (const radio of $$("input[data-variant]")) radio.addEventListener("change", () => {
  for (const slot of $$("[data-of-variant]")) slot.hidden = slot.dataset.ofVariant !== radio.value;
});

// Totals and places follow delivery and payment choices; the server does the sums.
let turn = 0; for (const form of $$("form[data-recount]")) form.addEventListener("change", async (e) => {
  if (!e.target.matches("[data-counts]")) return;
  const mine = ++turn;
  try {
    const doc = await page(form.dataset.recount, "POST", new URLSearchParams(new FormData(form)));
    if (mine === turn) for (const part of $$("[data-part]")) {
      const fresh = $(`[data-part="${part.dataset.part}"]`, doc), at = part.contains(document.activeElement) && document.activeElement;
      if (!fresh) continue; part.replaceWith(fresh); // and the keyboard stays where it was
      if (at) $$("[name]", fresh).find((x) => x.name === at.name && x.value === at.value)?.focus({ preventScroll: true });
    }
  } catch { /* the order itself is checked by the server */ }
});
for (const b of $$("button[data-show]")) { // a password is shown while its button is pressed in, and is sent as a password
  const input = document.getElementById(b.getAttribute("aria-controls")), show = (on) => { input.type = on ? "text" : "password"; b.setAttribute("aria-pressed", on); };
  b.hidden = false; b.addEventListener("click", () => show(input.type === "password")); input.form.addEventListener("submit", () => show(false)); }
for (const el of $$("select[data-auto]")) el.addEventListener("change", () => el.form.requestSubmit());

// Search suggestions: the combobox pattern with a list.
for (const input of $$("input[data-suggest]")) {
  const list = $("#" + input.getAttribute("aria-controls")), status = $("[data-suggest-status]");
  let at = -1, seq = 0, timer;
  const options = () => $$("li", list);
  const close = () => { list.hidden = true; at = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const mark = (i) => {
    const all = options(); if (!all.length) return; at = (i + all.length) % all.length;
    all.forEach((o, k) => o.setAttribute("aria-selected", k === at));
    input.setAttribute("aria-activedescendant", all[at].id);
  };
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-autocomplete", "list");
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const q = input.value.trim(), mine = ++seq; if (q.length < 2) return close();
    timer = setTimeout(async () => {
      try {
        const r = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(q)}`);
        const { items = [] } = r.ok ? await r.json() : {};
        if (mine !== seq) return;
        list.replaceChildren(...items.slice(0, 8).map((it, i) => {
          const li = document.createElement("li"), note = document.createElement("span");
          li.id = `${list.id}-${i}`; li.role = "option"; li.dataset.url = it.url; li.ariaSelected = "false";
          note.textContent = it.note || "";
          li.append(it.title, note);
          return li;
        }));
        at = -1; list.hidden = !items.length;
        input.setAttribute("aria-expanded", String(!list.hidden));
        if (status) status.textContent = items.length ? status.dataset.n.replace("0", items.length) : "";
      } catch { close(); }
    }, 150);
  });
  const go = (li) => { const u = new URL(li.dataset.url, location); if (u.origin === location.origin) location.assign(u); };
  list.addEventListener("mousedown", (e) => e.preventDefault());
  list.addEventListener("click", (e) => { const li = e.target.closest("li"); if (li) go(li); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (e.key === "Escape") return close();
    if (list.hidden) return;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); mark(at + (e.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1)); }
    if (e.key === "Enter" && at >= 0) { e.preventDefault(); go(options()[at]); }
  });
}

// The purchase page: on a new state the page's own middle is fetched and swapped; live events first, then asking, then nothing.
const moment = $("[data-purchase]");
if (moment) {
  const live = $("[data-live]"), done = () => $("[data-purchase]").dataset.end === "yes";
  const leave = () => {
    const to = $("[data-purchase]").dataset.go; if (!to) return;
    history.replaceState(null, "", "?stay=1"); // who comes back may stay
    setTimeout(() => location.assign(to), 800);
  };
  const swap = async () => {
    const doc = await page(location.href), fresh = $("[data-purchase]", doc), now = $("[data-purchase]");
    if (!fresh || fresh.dataset.purchase === now.dataset.purchase) return;
    const held = now.contains(document.activeElement);
    now.replaceWith(fresh);
    if (held) $("h1", fresh)?.focus({ preventScroll: true });
    document.title = doc.title;
    live.textContent = $$("[data-say] p", fresh).map((e) => e.textContent.trim()).join(" ");
    leave();
  };
  const heard = (text) => { try { if (JSON.parse(text).state !== $("[data-purchase]").dataset.purchase) swap().catch(() => {}); } catch { /* not for us */ } };
  let source, timer, failures = 0;
  const ask = async () => {
    if (done()) return;
    try { const r = await fetch(moment.dataset.poll, { headers: { accept: "application/json" } }); if (!r.ok) throw 0; heard(await r.text()); failures = 0; } catch { failures++; }
    if (failures < 20) timer = setTimeout(ask, 3000 * (1 + failures));
  };
  const listen = () => { // anew when the buyer is back from an app or another tab: the line may be dead
    if (done() || source && document.hidden) return;
    clearTimeout(timer); source?.close(); failures = 0; if (!window.EventSource) return ask();
    source = new EventSource(moment.dataset.events);
    source.onmessage = (e) => { heard(e.data); if (done()) source.close(); };
    source.onerror = () => { source.close(); ask(); };
  };
  if (!done()) { leave(); listen(); document.addEventListener("visibilitychange", listen); addEventListener("pageshow", (e) => e.persisted && listen()); }
  document.addEventListener("focusin", (e) => e.target.readOnly && e.target.select()); // the page's link, to copy
}
