"""A voice agent for Apollo over Jambonz: greets the callee by name, asks one question, reports the answer.

    APOLLO_URL=http://127.0.0.1:8000 APOLLO_TOKEN=gat_… uvicorn agent:app --port 3000

`POST /call` is the call hook, `/socket` the same over a websocket. With JAMBONZ_SECRET set, call hooks must
be signed with it, and websockets show it as their password.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from apollo import Apollo
from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from jambonz import Call, has_password, is_signed, read_call, read_speech

SECRET = os.environ.get("JAMBONZ_SECRET", "")
PATIENCE_SECONDS = float(os.environ.get("APOLLO_PATIENCE_SECONDS", "2"))
"""A callee who waits for the first word hangs up: the agent would rather know less."""
HEARD = "/heard"
"""The action hook of the one question."""
YES = {"yes", "yeah", "sure", "ok", "okay", "correct"}

Verbs = list[dict[str, Any]]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one client for all calls."""
    url, token = os.environ["APOLLO_URL"], os.environ["APOLLO_TOKEN"]
    async with Apollo(url, token, PATIENCE_SECONDS) as app.state.apollo:
        yield


app = FastAPI(title="Voice agent", lifespan=lifespan)


@app.post("/call")
async def answered(request: Request) -> Verbs:
    """Jambonz asks what to do: the phone was answered."""
    return await greet(request.app.state.apollo, await read_hook(request))


@app.post(HEARD)
async def heard(request: Request) -> Verbs:
    """Jambonz tells what the callee said."""
    return await conclude(request.app.state.apollo, await read_hook(request))


@app.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    """Serve a call over a websocket: `session:new` is the call hook, `verb:hook` an action hook."""
    if SECRET and not has_password(websocket.headers.get("Authorization", ""), SECRET):
        await websocket.close()
        return
    await websocket.accept(subprotocol="ws.jambonz.org")
    try:
        while True:
            await answer_message(websocket, await websocket.receive_json())
    except WebSocketDisconnect:
        return


async def answer_message(websocket: WebSocket, message: Mapping[str, Any]) -> None:
    """Acknowledge the messages that wait for verbs; the others only tell."""
    apollo: Apollo = websocket.app.state.apollo
    if message.get("type") == "session:new":
        verbs = await greet(apollo, message.get("data", {}))
    elif message.get("type") == "verb:hook" and message.get("hook") == HEARD:
        verbs = await conclude(apollo, message.get("data", {}))
    else:
        return
    await websocket.send_json({"type": "ack", "msgid": message["msgid"], "data": verbs})


async def greet(apollo: Apollo, data: Mapping[str, Any]) -> Verbs:
    """Return the first words, for the callee by name."""
    call = read_call(data)
    if call is None:
        return [{"verb": "hangup"}]
    known = await apollo.execution(call.execution_id)
    question = {
        "verb": "gather",
        "input": ["speech"],
        "timeout": 8,
        "actionHook": HEARD,
        "say": {"text": "May we see you at the time we agreed on?"},
    }
    return [say(greeting(call, known or {})), question, *goodbye("I did not hear you. We will try again.")]


def greeting(call: Call, known: Mapping[str, Any]) -> str:
    """Return what is said first: the name, and that this is not the first call."""
    variables = known.get("variables", {}) if call.variables is None else call.variables
    name = variables.get("callee_name")
    hello = f"Hello {name}." if name else "Hello."
    if not known.get("history"):
        return hello
    return f"{hello} We tried to reach you before."


async def conclude(apollo: Apollo, data: Mapping[str, Any]) -> Verbs:
    """Report what came of the talk, and take leave."""
    call, said = read_call(data), read_speech(data)
    if call is None:
        return [{"verb": "hangup"}]
    if not said:
        return goodbye("I did not hear you. We will try again.")
    if YES & set(said.lower().replace(",", " ").replace(".", " ").split()):
        await apollo.report(call.execution_id, "confirmed", said)
        return goodbye("Thank you. See you then.")
    await apollo.report(call.execution_id, "not_confirmed", said)
    return goodbye("I see. Somebody will call you about it.")


def say(text: str) -> dict[str, Any]:
    return {"verb": "say", "text": text}


def goodbye(text: str) -> Verbs:
    return [say(text), {"verb": "hangup"}]


async def read_hook(request: Request) -> Mapping[str, Any]:
    """Return the body of a hook; 401 unless it is signed as it must be."""
    body = await request.body()
    if SECRET and not is_signed(request.headers.get("Jambonz-Signature", ""), body, SECRET):
        raise HTTPException(401, "Invalid or missing signature")
    data: Mapping[str, Any] = await request.json()
    return data
