// A real OpenID provider (oidc-provider) on loopback that gives callers of our service access tokens as JWTs.
//   node issuer.mjs '{"scopes": ["candor/read", …], "audiences": ["https://…", …]}'
// Prints `READY <issuer>` once it listens. Client ids are free: `care.300` has the role `care` and tokens of 300 seconds;
// every client's secret is `secret`.
//   POST /token with resource=<audience>      as OAuth 2.0 and RFC 8707 say
//   POST /rotate                              another key signs from now on, and is the only one that is published
//   GET /seen                                 how often the keys were asked for
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { scopes, audiences, clients } = JSON.parse(process.argv[2]);
let provider, issuer;
let keys = 0;
let asked = 0;

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === "/seen") return response.end(JSON.stringify({ keys: asked }));
  if (pathname === "/jwks") asked += 1;
  if (pathname === "/rotate") provider = made();
  return pathname === "/rotate" ? response.end() : provider.callback()(request, response);
});
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  provider = made();
  console.log(`READY ${issuer}`);
});
process.on("SIGTERM", () => process.exit());

function made() {
  keys += 1;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: `key-${keys}`, use: "sig", alg: "RS256" }] },
    clients: clients.map((client_id) => ({
      client_id,
      client_secret: "secret",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    scopes,
    extraTokenClaims: (_, { clientId }) => ({ roles: [clientId.split(".")[0]] }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience, { clientId }) => ({
          scope: scopes.join(" "),
          audience: audiences.includes(audience) ? audience : undefined,
          accessTokenFormat: "jwt",
          accessTokenTTL: Number(clientId.split(".")[1]),
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
}
