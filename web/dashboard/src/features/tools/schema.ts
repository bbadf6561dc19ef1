/** The arguments of an action: a JSON Schema as a text, and what would be sent with some of them. */

export const FIRST_SCHEMA = {
  type: "object",
  required: ["number"],
  properties: { number: { type: "string", description: "The order's number, such as A-1042" } },
};

/** The schema of a text; a string says what is wrong with it. */
export function parseSchema(text: string): object | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return (cause as Error).message;
  }
  const schema = value as { type?: unknown } | null;
  if (typeof schema !== "object" || schema === null || schema.type !== "object") return `"type": "object"?`;
  return schema;
}

/** The request that arguments make, as the server would send it: for the eye, nothing is sent. */
export function example(method: string, url: string, schema: object): string {
  const properties = (schema as { properties?: Record<string, { type?: string | string[] }> }).properties ?? {};
  const values = Object.entries(properties).map(([name, { type }]) => [name, sample(type)] as const);
  const address = url.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const found = values.find(([each]) => each === name);
    return found ? encodeURIComponent(String(found[1])) : whole;
  });
  const rest = values.filter(([name]) => !url.includes(`{${name}}`));
  if (rest.length === 0) return `${method} ${address}`;
  if (method === "GET" || method === "DELETE") {
    const query = new URLSearchParams(rest.map(([name, value]) => [name, String(value)]));
    return `${method} ${address}${address.includes("?") ? "&" : "?"}${query}`;
  }
  return `${method} ${address}\n\n${JSON.stringify(Object.fromEntries(rest), null, 2)}`;
}

function sample(type: string | string[] | undefined): unknown {
  const one = Array.isArray(type) ? type[0] : type;
  if (one === "integer" || one === "number") return 1;
  if (one === "boolean") return true;
  if (one === "array") return [];
  return one === "object" ? {} : "…";
}
