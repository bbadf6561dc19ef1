// A visitor without a browser: the widget's own calls, as a page of the demo's other origin makes them.

/** Begins a session, with what the page says of itself in `metadata`; every call answers the parsed body. */
export async function newVisitor({ url, assistantId, widgetPageUrl }, metadata = {}) {
  let token;
  const call = async (path, body) => {
    const headers = { "Content-Type": "application/json", Origin: new URL(widgetPageUrl).origin };
    if (token) headers.Authorization = `Widget ${token}`;
    const answer = await fetch(`${url}/api/widget/${assistantId}${path}`, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${text}`);
    return answer.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : text;
  };
  token = (await call("/session", { metadata })).sessionToken;
  return {
    say: (message) => call("/chat", { message }),
    askForPerson: () => call("/handoff"),
    typing: (typing = true) => call("/typing", { typing }),
    leave: (contact) => call("/lead", contact),
  };
}

/** The workspace's API with the demo's token. */
export function apiOf({ url, workspaceId, token }) {
  return async (path, { method = "GET", body } = {}) => {
    const answer = await fetch(`${url}/api/workspaces/${workspaceId}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answers ${answer.status}: ${text}`);
    return text ? JSON.parse(text) : null;
  };
}
