// An OpenID provider for tests: each address is an account, without a password.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [issuer, clientSecret, redirectUri] = process.argv.slice(2);
const provider = new Provider(issuer, {
  claims: { email: ["email", "email_verified"], profile: ["name"] },
  clients: [{ client_id: "doorward", client_secret: clientSecret, redirect_uris: [redirectUri] }],
  conformIdTokenClaims: false,
  cookies: { keys: [clientSecret] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: !id.startsWith("unproven"), name: "Ada" }),
  }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
});

const page = (title, fields, uid) => `<!doctype html><html lang="en"><title>${title}</title>
<h1>${title}</h1><form method="post">${fields}<button>Continue</button></form>
<a href="/interaction/${uid}/cancel">Cancel</a></html>`;
const address = '<label>Address of the account <input name="login" required></label>';

async function consent({ grantId, params, prompt, session }) {
  const client = { accountId: session.accountId, clientId: params.client_id };
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant(client);
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  return { consent: { grantId: await grant.save() } };
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const isLogin = details.prompt.name === "login";
  if (request.url.endsWith("/cancel")) {
    const result = { error: "access_denied" };
    await provider.interactionFinished(request, response, result);
  } else if (request.method === "POST") {
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    const result = isLogin ? { login: { accountId: form.get("login") } } : await consent(details);
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  } else {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    const [title, fields] = isLogin ? ["Log in to Acme", address] : ["Share your address", ""];
    response.end(page(title, fields, details.uid));
  }
}

createServer((request, response) => {
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  interact(request, response).catch((error) => {
    response.writeHead(error.status ?? 500).end(String(error)); // of one that is over
  });
}).listen(Number(new URL(issuer).port), "127.0.0.1", () => console.log("ready"));
