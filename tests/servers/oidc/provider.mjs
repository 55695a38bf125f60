// A real authorisation server (oidc-provider) for SMART Backend Services on loopback, and the door of a FHIR server behind it.
//   node provider.mjs '{"clients": [{"client_id": …, "jwks": …, "scope": …, "token_seconds": …}], "fhir": "http://127.0.0.1:N/fhir"}'
// Prints `READY <base URL of the guarded FHIR server>` once it listens.
//   POST /token, POST /token/revocation       as OAuth 2.0 says
//   /fhir/.well-known/smart-configuration     open to everyone, as the CapabilityStatement is
//   /fhir/…                                   passed on where the bearer is a token that is still good, else 401
//   GET /seen                                 how many tokens were granted, and why others were not
import { createServer, request as forward } from "node:http";
import { Provider } from "oidc-provider";

const { clients, fhir } = JSON.parse(process.argv[2]);
const seen = { granted: 0, refused: [], turned_away: 0 };
const OPEN = new Set(["/fhir/metadata"]);

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.writeHead(500).end());
});
server.listen(0, "127.0.0.1", () => {
  provider = authorisationServer(`http://127.0.0.1:${server.address().port}`);
  console.log(`READY ${provider.issuer}/fhir`);
});
process.on("SIGTERM", () => process.exit());
let provider;

function authorisationServer(issuer) {
  const made = new Provider(issuer, {
    clients: clients.map((client) => ({
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "private_key_jwt",
      ...client,
    })),
    extraClientMetadata: { properties: ["token_seconds"] },
    scopes: [...new Set(clients.flatMap(({ scope }) => scope.split(" ")))],
    clientAuthMethods: ["private_key_jwt"],
    enabledJWA: { clientAuthSigningAlgValues: ["RS384", "ES384"] },
    clockTolerance: 0,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      revocation: { enabled: true },
    },
    ttl: { ClientCredentials: (_, __, client) => client.token_seconds ?? 300 },
  });
  made.on("grant.success", () => (seen.granted += 1));
  made.on("grant.error", (_, error) => seen.refused.push(error.error_detail ?? error.error_description));
  return made;
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, provider.issuer);
  if (pathname === "/seen") return json(response, 200, seen);
  if (pathname === "/fhir/.well-known/smart-configuration") return json(response, 200, configuration());
  if (!pathname.startsWith("/fhir")) return provider.callback()(request, response);
  if (OPEN.has(pathname) || (await isLetIn(request))) return passOn(request, response);
  seen.turned_away += 1;
  response.setHeader("WWW-Authenticate", 'Bearer error="invalid_token"');
  return json(response, 401, { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "login" }] });
}

function configuration() {
  return {
    token_endpoint: `${provider.issuer}/token`,
    token_endpoint_auth_methods_supported: ["private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported: ["RS384", "ES384"],
    grant_types_supported: ["client_credentials"],
    capabilities: ["client-confidential-asymmetric", "permission-v2"],
  };
}

async function isLetIn(request) {
  const [, value] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
  return value !== undefined && (await provider.ClientCredentials.find(value)) !== undefined;
}

// With the Host header as it came: the FHIR server's links then lead through this door again.
function passOn(request, response) {
  const { method, headers } = request;
  const there = forward(new URL(request.url, fhir), { method, headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.headers);
    answered.pipe(response);
  });
  there.on("error", () => response.writeHead(502).end());
  request.pipe(there);
}

function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
