// Passkeys, and nothing else: the browser is asked, its answer is put into the
// form, the form is sent. Without this script the form stays hidden and a code
// does the same.
const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const ids = (list = []) => list.map((c) => ({ ...c, id: bytes(c.id) }));

async function ask(kind, o, more = {}) {
  if (kind === "create") {
    const made = await navigator.credentials.create({ publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: ids(o.excludeCredentials) } });
    const r = made.response;
    return { id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: made.getClientExtensionResults(),
      response: { clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject), transports: r.getTransports?.() ?? [] } };
  }
  const got = await navigator.credentials.get({ ...more, publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) } });
  const r = got.response;
  return { id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: got.getClientExtensionResults(),
    response: { clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature), userHandle: r.userHandle ? text(r.userHandle) : undefined } };
}

async function begin(form, more) {
  const r = await fetch(form.dataset.begin, { method: "POST", credentials: "same-origin", headers: { "content-type": "application/x-www-form-urlencoded" } });
  if (!r.ok) throw 0;
  const c = await r.json();
  const answer = await ask(form.dataset.passkey, c.options.publicKey, more);
  form.elements.token.value = c.token;
  form.elements.answer.value = JSON.stringify(answer);
  form.submit();
}

let quiet; // the ask that waits in the field's own list of suggestions
if (window.PublicKeyCredential) for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = false;
  form.addEventListener("submit", async (e) => {
    if (form.elements.answer.value) return;
    e.preventDefault();
    quiet?.abort();
    const failed = form.querySelector("[data-failed]");
    failed.hidden = true;
    try { await begin(form); } catch { failed.hidden = false; form.elements.token.value = form.elements.answer.value = ""; }
  });
  if (form.dataset.passkey === "get" && document.querySelector("input[autocomplete~=webauthn]")) (async () => {
    if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
    quiet = new AbortController();
    await begin(form, { mediation: "conditional", signal: quiet.signal });
  })().catch(() => { /* nobody chose one */ });
}
