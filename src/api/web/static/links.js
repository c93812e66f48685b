// The pages that links in mails lead to. The token is in the fragment, which no server sees. It
// goes into the form, and only a click uses it: scanners of mail open links.

const form = document.querySelector("form[data-link]");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);
addEventListener("hashchange", () => location.reload()); // another link in the same tab

if (form) {
  const field = form.querySelector(".no-script");
  if (token) {
    form.elements.token.value = token;
    field.hidden = true; // in browsers that do not know the media feature `scripting`
    if (form.dataset.link === "reset") form.submit(); // asks for the password, and uses nothing
  } else if (!form.elements.token.value) {
    field.classList.remove("no-script");
  }
}
