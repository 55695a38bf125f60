"""A hospital's FHIR server to measure against: one chart for every patient, and a pause before each answer.

``python -m bench.hospital SECONDS [batch]`` listens on loopback and prints its base URL. ``GET /seen`` tells what was
asked since the last ``GET /seen``: how many requests, how many at a time at most, and the sum of their seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.charts import every_notion
from service.study.load import default_mappings, load_study

OBSERVATIONS = 60
_WHOSE = b"Patient/whoever"

Resource = dict[str, Any]


class Hospital:
    """Answers searches by type, reads of patients, and batches of both where it takes them."""

    def __init__(self, seconds: float, *, batches: bool) -> None:
        self.seconds, self.batches = seconds, batches
        chart = _chart()
        self.pages = {kind: _page(resources) for kind, resources in chart.items()}
        self.observations = [(each["code"]["coding"][0]["code"], each) for each in chart["Observation"]]
        self.running = self.most = self.requests = 0
        self.busy = self.since = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the client closes it."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target = head.decode().split(" ", 2)[:2]
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
                )
                body = await reader.readexactly(int(length.partition(b":")[2]))
                status, content = 200, self.seen() if target == "/seen" else b""
                if not content:
                    status, content = await self.worked_on(method, urlsplit(target).path.removeprefix("/fhir"), body)
                kind = b"Content-Type: application/fhir+json\r\n"
                writer.write(b"HTTP/1.1 %d x\r\n%sContent-Length: %d\r\n\r\n%s" % (status, kind, len(content), content))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def worked_on(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer after the pause, and count."""
        self._pass()
        self.running += 1
        self.requests += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds)
        answer = self.answered(method, path, body)
        self._pass()
        self.running -= 1
        return answer

    def answered(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and content."""
        if path not in ("", "/"):
            return 200, self.resource(path.strip("/"), body.decode())
        if not self.batches or method != "POST":
            return 404, b""
        asked = [entry["request"]["url"] for entry in json.loads(body)["entry"]]
        parts = [self.resource(url.partition("?")[0], url.partition("?")[2]) for url in asked]
        entries = b",".join(b'{"response":{"status":"200"},"resource":%s}' % part for part in parts)
        return 200, b'{"resourceType":"Bundle","type":"batch-response","entry":[%s]}' % entries

    def resource(self, path: str, query: str) -> bytes:
        """Return a Patient, or the page of a search."""
        kind, _, rest = path.partition("/")
        if kind == "Patient":
            return b'{"resourceType":"Patient","id":"%s","gender":"female","birthDate":"1978-03-14"}' % rest.encode()
        params = dict(parse_qsl(query))
        page = self.pages.get(kind, self.pages[""])
        if "combo-code" in params:
            codes = set(params["combo-code"].split(","))
            page = _page([each for code, each in self.observations if code in codes])
        patient = params.get("patient") or params.get("subject", "").removeprefix("Patient/")
        return page.replace(_WHOSE, f"Patient/{patient}".encode())

    def seen(self) -> bytes:
        """Tell, and begin to count anew."""
        told = json.dumps({"requests": self.requests, "most": self.most, "busy": self.busy}).encode()
        self.requests = self.most = 0
        self.busy = 0.0
        return told

    def _pass(self) -> None:
        now = perf_counter()
        self.busy += self.running * (now - self.since)
        self.since = now


def _chart() -> dict[str, list[Resource]]:
    """A chart by resource type, with a prescription whose medication has to be fetched by its id."""
    bundle = json.loads(every_notion(load_study(default_mappings()), OBSERVATIONS))
    urn = bundle["entry"][0]["fullUrl"]
    text = json.dumps(bundle["entry"][1:]).replace(urn, _WHOSE.decode())
    chart: dict[str, list[Resource]] = {"": []}
    for entry in json.loads(text):
        chart.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    order = {"resourceType": "MedicationRequest", "id": "order", "status": "active", "authoredOn": "2026-10-01"}
    of = {"subject": {"reference": _WHOSE.decode()}, "medicationReference": {"reference": "Medication/drug"}}
    chart.setdefault("MedicationRequest", []).append(order | of)
    chart["Medication"] = [{"resourceType": "Medication", "id": "drug", "code": {"text": "a drug"}}]
    return chart


def _page(resources: list[Resource]) -> bytes:
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode()


async def main() -> None:
    """Listen until stopped."""
    hospital = Hospital(float(sys.argv[1]), batches="batch" in sys.argv)
    listener = await asyncio.start_server(hospital.serve, "127.0.0.1", 0, limit=1 << 20)
    print(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/fhir", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
