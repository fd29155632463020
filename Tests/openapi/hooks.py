"""Bodies of many messages for schemathesis, which knows no format of one JSON object a line; and long polls that end soon."""

import json
import re

import schemathesis


@schemathesis.serializer("application/x-ndjson", "application/jsonl")
def lines(context, value):
    items = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(item) for item in items).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    """A poll waits as long as it is told to. Hundreds of them are made here: they ask for less."""
    query = case.query or {}
    wait = query.get("wait")
    if isinstance(wait, str) and re.fullmatch("[0-9]+(ms|s|m)", wait):
        query["wait"] = "20ms"
