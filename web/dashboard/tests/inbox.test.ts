import type { Message } from "@illumichat/api";
import { describe, expect, test } from "vitest";
import { plain } from "../src/features/inbox/drafts.svelte.ts";
import { type Filter, fromSearch, parameters, snoozeChoices, toQuery, toSearch, waitingQuery } from "../src/features/inbox/filter.ts";
import { type Pages, withMessage } from "../src/features/inbox/patch.ts";
import { fromView, isSame } from "../src/features/inbox/views.ts";
import { backoff, parseLive } from "../src/session/live.ts";
import { find } from "../src/shell/palette.ts";

const filter: Filter = { status: "open", whose: "all", channel: "", q: "", offset: 0, more: {} };

describe("the inbox's filter", () => {
  test("shows what is open, and who waits above it", () => {
    expect(toQuery(filter)).toEqual({ limit: 30, offset: 0, inbox: true, status: "open", snoozed: false });
    expect(waitingQuery(filter)).toEqual({ limit: 100, offset: 0, inbox: true, status: "pending" });
  });

  test("asks for what waits only once", () => {
    const waiting: Filter = { ...filter, whose: "waiting" };
    expect(toQuery(waiting)).toMatchObject({ status: "pending" });
    expect(waitingQuery(waiting)).toBeNull();
    expect(waitingQuery({ ...filter, status: "closed" })).toBeNull();
    expect(waitingQuery({ ...filter, channel: "dashboard" })).toBeNull();
  });

  test("finds one's own, by the dashboard and the API, where they are wanted", () => {
    expect(toQuery({ ...filter, status: "all", channel: "everything" })).toEqual({ limit: 30, offset: 0 });
    expect(toQuery({ ...filter, status: "all", channel: "api", q: "lamp" })).toEqual({ limit: 30, offset: 0, channel: "api", q: "lamp" });
  });

  test("leaves it to the server whose they are", () => {
    expect(toQuery({ ...filter, whose: "unassigned", offset: 30 })).toMatchObject({ handler: "human", assigneeId: "none", offset: 30, limit: 30 });
    expect(toQuery({ ...filter, whose: "mine" })).toMatchObject({ assigneeId: "me" });
  });

  test("stands in the address, as far as it is not the usual", () => {
    expect(toSearch(filter)).toEqual({});
    const chosen: Filter = { ...filter, status: "closed", whose: "mine", channel: "sms", q: "a & b", more: { tag: "für Ada", unread: "true" } };
    expect(fromSearch(`?${new URLSearchParams(toSearch(chosen))}`)).toEqual(chosen);
  });

  test("is read from an address, whatever it says", () => {
    expect(fromSearch("?status=all&channel=everything&whose=nobody")).toEqual({ ...filter, status: "all", channel: "everything" });
  });
});

describe("a saved view", () => {
  test("is the filter that it was made of", () => {
    for (const whose of ["all", "mine", "unassigned", "waiting", "unread"] as const) {
      for (const status of ["open", "snoozed", "closed", "all"] as const) {
        for (const channel of ["", "everything", "sms", "dashboard"] as const) {
          const made: Filter = { ...filter, whose, status, channel, q: "lamp", more: { tag: "billing" } };
          expect(isSame(fromView(parameters(made)), made)).toBe(true);
        }
      }
    }
  });

  test("keeps what the inbox has no control for", () => {
    const view = { inbox: true, status: "open", snoozed: false, unread: true, assigneeId: "me", contactId: "con_1" } as const;
    expect(fromView(view)).toEqual({ ...filter, whose: "mine", more: { unread: "true", contactId: "con_1" } });
    expect(parameters(fromView(view))).toEqual(view);
    expect(fromView({})).toEqual({ ...filter, status: "all", channel: "everything" });
  });

  test("is not another page of itself, but another filter", () => {
    expect(isSame(filter, { ...filter, offset: 30 })).toBe(true);
    expect(isSame(filter, { ...filter, more: { tag: "a" } })).toBe(false);
  });
});

describe("snoozing", () => {
  const keys = (now: Date) => snoozeChoices(now).map((each) => each.key);

  test("offers the evening while it is ahead", () => {
    expect(keys(new Date(2026, 10, 17, 10))).toEqual(["hour", "evening", "tomorrow", "week"]);
    expect(keys(new Date(2026, 10, 17, 19))).toEqual(["hour", "tomorrow", "week"]);
  });

  test("does not offer Monday twice", () => {
    expect(keys(new Date(2026, 10, 22, 19))).toEqual(["hour", "tomorrow"]);
    const monday = snoozeChoices(new Date(2026, 10, 23, 19)).at(-1);
    expect(monday).toEqual({ key: "week", at: new Date(2026, 10, 30, 9) });
  });

  test("never goes back in time", () => {
    for (let hour = 0; hour < 24 * 8; hour += 1) {
      const now = new Date(2026, 10, 17, hour, 59);
      for (const { at } of snoozeChoices(now)) expect(at.getTime()).toBeGreaterThan(now.getTime());
    }
  });
});

describe("a message that the stream tells of", () => {
  const message = (id: string, content = "") => ({ id, content }) as Message;
  const pages: Pages = {
    pages: [
      { data: [message("3"), message("4")], total: 4, limit: 2 },
      { data: [message("1"), message("2")], total: 4, limit: 2 },
    ],
    pageParams: [undefined, "before"],
  };

  test("comes at the end of the newest page", () => {
    const [first, second] = withMessage(pages, message("5")).pages;
    expect(first?.data.map((each) => each.id)).toEqual(["3", "4", "5"]);
    expect(first?.total).toBe(5);
    expect(second).toBe(pages.pages[1]);
  });

  test("replaces itself, wherever it stands", () => {
    const changed = withMessage(pages, message("1", "new"));
    expect(changed.pages[1]?.data[0]?.content).toBe("new");
    expect(changed.pages[0]?.data).toHaveLength(2);
  });
});

describe("the event stream", () => {
  test("passes over what it does not understand", () => {
    expect(parseLive('{"type":"typing","conversationId":"c"}')).toEqual({ type: "typing", conversationId: "c" });
    for (const text of ["", "null", "[]", '"typing"', '{"kind":"x"}', "{"]) expect(parseLive(text)).toBeNull();
  });

  test("waits longer each time, within half a minute", () => {
    expect(backoff(1, 0)).toBe(500);
    expect(backoff(1, 1)).toBe(1000);
    expect(backoff(3, 1)).toBe(4000);
    expect(backoff(50, 1)).toBe(30_000);
  });
});

test("a suggested reply has no marks of citations", () => {
  const sources = [{ index: 1 }, { index: 2 }, { index: 3 }];
  expect(plain("Paste it [1]. Then save [2, 3]!", sources)).toBe("Paste it. Then save!");
  expect(plain("The field `list[0]`, or item [7]", sources)).toBe("The field `list[0]`, or item [7]");
});

describe("the palette", () => {
  const places = ["Home", "Inbox", "Knowledge", "Menü"].map((name) => ({ href: name, name, group: "Page" }));

  test("finds by every word, without regard to accents", () => {
    expect(find(places, "in").map((each) => each.name)).toEqual(["Inbox"]);
    expect(find(places, "menu").map((each) => each.name)).toEqual(["Menü"]);
    expect(find(places, "page know").map((each) => each.name)).toEqual(["Knowledge"]);
    expect(find(places, "  ")).toHaveLength(4);
  });
});
