// The pages that links in mails lead to. The token is in the fragment, which no server sees, and
// is used by a click only: mail scanners open links.
"use strict";

const TEXTS = {
  en: {
    missing: "Please open the link in the mail again.",
    one_time_token_invalid: "This link is not valid, or not any more. Please ask for a new one.",
    invalid_input: "Please choose another password: this one is too short or too easy to guess.",
    wrong_password: "This password is wrong.",
    too_many_requests: "There were too many attempts. Please wait a while.",
    failed: "That did not work. Please try again in a moment.",
    reset: {
      title: "Set a new password",
      ask: "All devices are logged out then.",
      label: "New password",
      button: "Set the password",
      done: "The new password is set. You can log in with it now.",
    },
    verify: {
      title: "Confirm your email address",
      ask: "If you leave the password out, you may have to set a new one.",
      label: "Your password",
      button: "Confirm",
      done: "Thank you. The address is confirmed.",
      new_password_needed: "The address is confirmed. A mail with a link to set a new password is on its way.",
    },
    undo: {
      title: "Keep your former email address",
      ask: "This cancels the change of your address, and logs all devices out.",
      button: "Cancel the change",
      done: "Your former address is restored. A mail with a link to set a new password is on its way.",
    },
  },
  de: {
    missing: "Bitte öffnen Sie den Link in der E-Mail noch einmal.",
    one_time_token_invalid: "Dieser Link ist nicht oder nicht mehr gültig. Bitte fordern Sie einen neuen an.",
    invalid_input: "Bitte wählen Sie ein anderes Passwort: Dieses ist zu kurz oder zu leicht zu erraten.",
    wrong_password: "Dieses Passwort ist falsch.",
    too_many_requests: "Das waren zu viele Versuche. Bitte warten Sie eine Weile.",
    failed: "Das hat nicht geklappt. Bitte versuchen Sie es gleich noch einmal.",
    reset: {
      title: "Neues Passwort setzen",
      ask: "Danach sind alle Geräte abgemeldet.",
      label: "Neues Passwort",
      button: "Passwort setzen",
      done: "Das neue Passwort ist gesetzt. Sie können sich jetzt damit anmelden.",
    },
    verify: {
      title: "E-Mail-Adresse bestätigen",
      ask: "Ohne das Passwort müssen Sie vielleicht ein neues setzen.",
      label: "Ihr Passwort",
      button: "Bestätigen",
      done: "Danke. Die Adresse ist bestätigt.",
      new_password_needed: "Die Adresse ist bestätigt. Sie erhalten eine E-Mail mit einem Link für ein neues Passwort.",
    },
    undo: {
      title: "Bisherige E-Mail-Adresse behalten",
      ask: "Die Änderung Ihrer Adresse wird abgebrochen, und alle Geräte werden abgemeldet.",
      button: "Änderung abbrechen",
      done: "Ihre bisherige Adresse gilt wieder. Sie erhalten eine E-Mail mit einem Link für ein neues Passwort.",
    },
  },
};
const ROUTES = { reset: "password/reset", verify: "email/verify", undo: "email/undo" };

const api = new URL("../api/auth/", document.currentScript.src);
const language = navigator.language?.startsWith("de") ? "de" : "en";
const page = location.pathname.split("/").filter((part) => part in ROUTES).pop();
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);
addEventListener("hashchange", () => location.reload()); // another link in the same tab

const texts = TEXTS[language];
const [title, message, form, field, label, password, button] = [
  "title", "message", "form", "field", "label", "password", "button",
].map((id) => document.getElementById(id));

/** Return the answer. Its code is that of an error; the proof of an address counts the cookies. */
async function post(route, body) {
  try {
    const answer = await fetch(new URL(route, api), {
      method: "POST",
      credentials: page === "verify" ? "same-origin" : "omit",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, ...body }),
    });
    return await answer.json();
  } catch {
    return { code: "failed" };
  }
}

/** Say what has happened, and ask again if that can help. */
function show(text, asks) {
  message.textContent = text;
  form.hidden = !asks;
  if (!asks) message.focus();
}

function showError(code) {
  show(texts[code] ?? texts.failed, code !== "one_time_token_invalid");
  if (code === "invalid_input" || code === "wrong_password") password.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  const answer = await post(ROUTES[page], password.value ? { password: password.value } : {});
  button.disabled = false;
  if (answer.code) return showError(answer.code);
  password.value = "";
  const { done, new_password_needed } = texts[page];
  show(answer.data?.new_password_needed ? new_password_needed : done, false);
});

async function start() {
  document.documentElement.lang = language;
  document.title = title.textContent = texts[page].title;
  label.textContent = texts[page].label ?? "";
  button.textContent = texts[page].button;
  field.hidden = !texts[page].label;
  password.required = page === "reset";
  password.autocomplete = page === "reset" ? "new-password" : "current-password";
  if (!token) return show(texts.missing, false);
  const { code } = page === "reset" ? await post("password/reset/check", {}) : {};
  if (code === "one_time_token_invalid") return showError(code);
  show(texts[page].ask, true);
}

start();
