// Runs the script of a page in as much of a browser as it needs: opens a link, then submits the form.
// Arguments: the script's file, and as JSON {script, link, language, password, answers: {path: [status, body]}}.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [file, scene] = [process.argv[2], JSON.parse(process.argv[3])];
const elements = {};
const seen = { requests: [], shown: [], focus: null };
const element = (id) =>
  (elements[id] ??= {
    hidden: true,
    value: id === "password" ? scene.password : "",
    focus: () => (seen.focus = id),
    addEventListener: (_, listener) => (elements[id].listener = listener),
  });
const link = new URL(scene.link);
const context = vm.createContext({
  URL,
  URLSearchParams,
  location: { pathname: link.pathname, hash: link.hash },
  history: { replaceState: (_state, _title, address) => (seen.address = address) },
  navigator: { language: scene.language },
  addEventListener: () => {},
  document: {
    currentScript: { src: scene.script },
    documentElement: {},
    getElementById: element,
  },
  fetch: async (url, options) => {
    seen.requests.push([url.href, JSON.parse(options.body), options.credentials]);
    const [status, body] = scene.answers[url.pathname];
    return { ok: status < 300, json: async () => body };
  },
});

const show = () =>
  seen.shown.push({
    message: elements.message.textContent,
    form: !elements.form.hidden,
    password: !elements.field.hidden,
  });
const settled = () => new Promise((resolve) => setImmediate(resolve));

vm.runInContext(readFileSync(file, "utf8"), context);
await settled();
show();
if (!elements.form.hidden) {
  await elements.form.listener({ preventDefault: () => {} });
  show();
}
console.log(JSON.stringify({ ...seen, title: context.document.title }));
