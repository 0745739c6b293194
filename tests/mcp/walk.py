"""The official Python client walks every tool of a server, as an agent would: over Streamable HTTP as of 2026-07-28 and
as of 2025-11-25, and over standard input and output.

    python walk.py LANDFALL http://127.0.0.1:8081 TOKEN_FILE
"""

import asyncio
import sys
from pathlib import Path

import httpx2 as httpx
from mcp import Client, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client

DIGEST = "sha256:" + "ab" * 32
asked = []


async def person(context, params):
    """Agrees to everything, and remembers what it was."""
    asked.append(params.message)
    return types.ElicitResult(action="accept", content={"confirm": True})


async def walk(session):
    asked.clear()
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    walked = set()

    async def call(tool, /, **arguments):
        # The client checks the structured answer against the tool's output schema, too.
        result = await session.call_tool(tool, arguments)
        assert not result.is_error, f"{tool}: {result.content}"
        assert result.structured_content is not None and result.content[0].text, tool
        walked.add(tool)
        print(f"{tool}: {result.content[0].text.splitlines()[0]}")
        return result.structured_content

    env = "walked"
    await call("create_environment", name=env, description="made by a client")
    await call("update_environment", environment=env, color="#16a34a")
    await call("list_environments")
    token = await call("create_token", environment=env, name="nodes")
    rotated = await call("rotate_token", environment=env, id=token["id"])
    await call("list_tokens", environment=env)
    changes = [{"title": "fix: login times out", "pr": 4511}]
    release = await call("add_release", repository="shop/web", version="v1.0.0", digest=DIGEST, changes=changes)
    await call("get_release", id=release["id"])
    await call("search_releases", query="login timeout")
    await call("get_running", environment=env)
    await call("list_deployments", environment=env)
    await call("compare_environments", left=env, right=env)
    await call("check_up_to_date", environment=env)
    await call("verify_change", environment=env, query="#4511")
    await call("what_changed", environment=env)
    asked_first = await call("ask", question=f"what is running in {env}?")
    await call("ask", question="since when?", conversation=asked_first["conversation"])
    await call("edit_release", id=release["id"], revision="0a1b2c3")
    plan = await call("deploy_release", environment=env, query="web v1.0.0")
    await call("get_deploy", id=plan["id"])
    await call("delete_release", id=release["id"])
    await call("revoke_token", environment=env, id=rotated["id"])
    await call("delete_environment", environment=env)
    # A deployment needs a pull; that nobody has one is an answer, too.
    missing = await session.call_tool("get_deployment", {"id": "dep_none"})
    assert missing.is_error and "no deployment" in missing.content[0].text, missing
    walked.add("get_deployment")
    assert walked == set(tools), f"not walked: {set(tools) - walked}"
    assert len(asked) == 4, asked

    resources = (await session.list_resources()).resources
    for resource in resources:
        assert (await session.read_resource(resource.uri)).contents
    for prompt in (await session.list_prompts()).prompts:
        given = {argument.name: "production" for argument in prompt.arguments or []}
        assert (await session.get_prompt(prompt.name, given)).messages
    print(f"{len(walked)} tools, {len(resources)} resources, {len(asked)} agreements")


async def look(admin, headers):
    """A viewer is offered what reads; pages of other sites, and other names for the server, get nothing."""
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        made = await http.post(f"{admin}/api/v1/admin-tokens", json={"name": "eyes", "kind": "viewer"})
        for strange, status in [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 421)]:
            for method in ["GET", "POST", "DELETE"]:
                refused = await http.request(method, f"{admin}/mcp", headers=strange)
                assert refused.status_code == status, (method, strange, refused.status_code)
    viewer = {"Authorization": "Bearer " + made.json()["secret"]}
    async with httpx.AsyncClient(headers=viewer, timeout=60) as http:
        transport = streamable_http_client(f"{admin}/mcp", http_client=http)
        async with Client(transport, mode="2026-07-28", elicitation_callback=person) as client:
            tools = (await client.list_tools()).tools
            assert tools and all(tool.annotations.read_only_hint for tool in tools), tools
            refused = await client.call_tool("create_environment", {"name": "seen"})
            assert refused.is_error and "viewer" in refused.content[0].text, refused
    print(f"a viewer: {len(tools)} tools, all of which read")


async def main():
    _, landfall, admin, token_file = sys.argv
    headers = {"Authorization": "Bearer " + Path(token_file).read_text().strip()}
    for mode in ["2026-07-28", "legacy"]:
        async with httpx.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{admin}/mcp", http_client=http)
            async with Client(transport, mode=mode, elicitation_callback=person) as client:
                print(f"# {admin}/mcp, {client.protocol_version}")
                await walk(client)
    await look(admin, headers)
    arguments = ["mcp", "--admin", admin, "--admin-token-file", token_file]
    server = StdioServerParameters(command=landfall, args=arguments)
    async with Client(server, mode="legacy", elicitation_callback=person) as client:
        print(f"# landfall mcp, {client.protocol_version}")
        await walk(client)


asyncio.run(main())
