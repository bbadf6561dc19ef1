// The widget keeps types of its own, which say what a page may rely on; what the server sends must fit them.
import type { WidgetConfig as Sent } from "@illumichat/api";
import { expectTypeOf, test } from "vitest";
import type { WidgetConfig } from "../src/types.ts";

test("the server's configuration is one that the widget understands", () => {
  expectTypeOf<Sent>().toExtend<WidgetConfig>();
});
