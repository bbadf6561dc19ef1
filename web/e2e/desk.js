// The demo's API as its owner, for what a test wants to find there.
import assert from "node:assert/strict";

/** Calls an operation of the demo's workspace. */
export async function apiOf({ url, token }) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const { data } = await (await fetch(`${url}/api/workspaces`, { headers })).json();
  return async (method, path, body) => {
    const answer = await fetch(`${url}/api/workspaces/${data[0].id}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    assert.ok(answer.ok, `${method} ${path} answers ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  };
}
