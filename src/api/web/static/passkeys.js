// Passkeys (Web Authentication, Level 3). What an authenticator answers goes into a hidden field
// of the form, which the browser sends like any other: the server answers with a page.

const FRESH = 4 * 60 * 1000; // in ms: the server accepts an answer within five minutes
const isSupported = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);
const begun = performance.now();
const isAtNumber = /^[\d.]+$|^\[/.test(location.hostname); // passkeys need a domain
let waiting = null; // the request whose passkeys the browser offers beside the field

/** Say what has happened, in the live region after the button. */
function say(button, what) {
  const region = button.parentElement.querySelector("[data-cancelled]");
  region.textContent = what ? region.dataset[what] : "";
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") return "cancelled"; // or too late: browsers do not tell
  if (error.name === "InvalidStateError") return "exists";
  if (error.name === "SecurityError") return "address"; // its domain is not that of the passkeys
  return error.reason ?? "failed";
}

/** Tell why there can be no passkeys here, if so. */
function obstacle() {
  if (isAtNumber) return "address";
  return isSupported ? null : "unsupported";
}

async function optionsFrom(button) {
  const answer = await fetch(button.dataset.passkey, { method: "POST" });
  if (!answer.ok) {
    throw Object.assign(new Error(), { reason: answer.status === 429 ? "limited" : "failed" });
  }
  return PublicKeyCredential.parseRequestOptionsFromJSON((await answer.json()).options);
}

function send(button, credential) {
  const form = button.form;
  // Fields of a form that is sent again after a step-up may be called so, too.
  button.previousElementSibling.value = JSON.stringify(credential);
  for (const field of form.querySelectorAll("[autocomplete=current-password]")) field.value = "";
  form.submit();
}

async function use(button) {
  if (obstacle()) return say(button, obstacle());
  button.disabled = true;
  waiting?.abort();
  say(button, "waiting");
  try {
    const publicKey = await optionsFrom(button);
    send(button, await navigator.credentials.get({ publicKey }));
  } catch (error) {
    const reason = reasonOf(error);
    say(button, reason);
    button.disabled = false;
    if (reason === "cancelled") offer(button);
  }
}

/** Let the browser offer passkeys while the user types the address. */
async function offer(button) {
  if (!("autofill" in button.dataset) || obstacle()) return;
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const request = (waiting = new AbortController());
  const renewal = setTimeout(() => renew(button), FRESH);
  try {
    const publicKey = await optionsFrom(button);
    if (request.signal.aborted) return;
    const { signal } = request;
    send(button, await navigator.credentials.get({ publicKey, mediation: "conditional", signal }));
  } catch {
    clearTimeout(renewal); // the button is still there, and says what is wrong
  }
}

/** Ask for a new challenge before this one is too old, when the page is looked at. */
function renew(button) {
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => renew(button), { once: true });
  } else if (!button.disabled) {
    waiting?.abort();
    offer(button);
  }
}

async function create(button) {
  if (obstacle()) return say(button, obstacle());
  if (performance.now() - begun > FRESH) return button.form.submit(); // for a new challenge
  button.disabled = true;
  say(button, "waiting");
  try {
    const options = JSON.parse(button.dataset.create);
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    send(button, await navigator.credentials.create({ publicKey }));
  } catch (error) {
    say(button, reasonOf(error));
    button.disabled = false;
  }
}

for (const text of document.querySelectorAll(".no-script")) text.hidden = true; // in older browsers
const uses = document.querySelectorAll("[data-passkey]");
const creations = document.querySelectorAll("[data-create]");
for (const button of uses) {
  button.hidden = false;
  button.addEventListener("click", () => use(button));
  offer(button);
}
for (const button of creations) {
  button.hidden = false;
  button.form.addEventListener("submit", (event) => {
    event.preventDefault();
    create(button);
  });
}
// A page that comes back from the cache of the browser begins again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of [...uses, ...creations]) {
    button.disabled = false;
    say(button, "");
  }
  uses.forEach(offer);
});
