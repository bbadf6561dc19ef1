/** The arguments of an action: a JSON Schema as a text, and what would be sent with some of them. */

export const FIRST_SCHEMA = {
  type: "object",
  required: ["number"],
  properties: { number: { type: "string", description: "The order's number, such as A-1042" } },
};

/** What of a property's schema is looked at here. */
export interface Property {
  type?: string | string[];
  enum?: unknown[];
  description?: string;
  default?: unknown;
}

export function propertiesOf(schema: unknown): Record<string, Property> {
  return (schema as { properties?: Record<string, Property> } | null)?.properties ?? {};
}

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

/** The request with a sample of each argument. */
export function example(method: string, url: string, schema: object): string {
  const samples = Object.entries(propertiesOf(schema)).map(([name, { type }]) => [name, sample(type)] as const);
  return written(method, url, Object.fromEntries(samples));
}

/** The request that arguments make, as the server would send it: for the eye, nothing is sent. */
export function written(method: string, url: string, values: Record<string, unknown>): string {
  const address = url.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? encode(plain(values[name])) : whole));
  const rest = Object.entries(values).filter(([name]) => !url.includes(`{${name}}`));
  if (rest.length > 0 && (method === "GET" || method === "DELETE")) {
    const query = rest.map(([name, value]) => `${encode(name)}=${encode(plain(value))}`).join("&");
    return `${method} ${address}${address.includes("?") ? "&" : "?"}${query}`;
  }
  if (rest.length === 0) return `${method} ${address}`;
  return `${method} ${address}\n\n${JSON.stringify(Object.fromEntries(rest), null, 2)}`;
}

const plain = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** Everything but RFC 3986's unreserved characters. */
const encode = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

function sample(type: string | string[] | undefined): unknown {
  const one = Array.isArray(type) ? type[0] : type;
  if (one === "integer" || one === "number") return 1;
  if (one === "boolean") return true;
  if (one === "array") return [];
  return one === "object" ? {} : "…";
}
