import { describe, expect, test } from "vitest";
import { browserName } from "../src/features/account/browser.ts";
import { title } from "../src/features/access/providers.ts";
import { detailLine, moment } from "../src/features/audit/actions.ts";
import { mayChange, rolesFor } from "../src/features/people/roles.ts";
import { toDraft, toInput } from "../src/features/providers/draft.ts";
import { dayName } from "../src/features/workspaces/draft.ts";

describe("roles", () => {
  test("only owners make owners, and touch them", () => {
    expect(rolesFor("admin")).not.toContain("owner");
    expect(rolesFor("owner")).toContain("owner");
    expect(mayChange("admin", "owner")).toBe(false);
    expect(mayChange("admin", "member")).toBe(true);
    expect(mayChange("member", "guest")).toBe(false);
  });
});

describe("a provider's key", () => {
  test("stays when nothing is typed, goes when it is taken away", () => {
    const draft = { ...toDraft(null), kind: "openai" as const };
    expect(toInput(draft)).not.toHaveProperty("apiKey");
    expect(toInput({ ...draft, apiKey: " sk-1 " }).apiKey).toBe("sk-1");
    expect(toInput({ ...draft, apiKey: "sk-1", removeKey: true }).apiKey).toBeNull();
  });
});

test("a browser is named shortly", () => {
  expect(browserName("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe("Firefox · Linux");
  expect(browserName("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0")).toBe("Edge · Windows");
  expect(browserName(null)).toBeNull();
});

test("a way to sign in has a name", () => {
  expect(title("auth0")).toBe("Auth0");
  expect(title("my-keycloak")).toBe("My Keycloak");
});

test("the audit log's details are one line, its days whole ones", () => {
  expect(detailLine({ from: "member", to: "admin", gone: null })).toBe("from: member · to: admin");
  expect(detailLine(null)).toBe("");
  expect(Date.parse(moment("2026-11-21", true) ?? "") - Date.parse(moment("2026-11-21") ?? "")).toBe(86_400_000);
  expect(moment("")).toBeUndefined();
});

test("weekdays are named in the reader's language", () => {
  expect(dayName("monday", "en")).toBe("Monday");
  expect(dayName("sunday", "de")).toBe("Sonntag");
});
