/**
 * The widget as an ES module, for pages that are built: `import { Widget } from "@illumichat/widget"`. The panel is part of
 * the package, so only the API is asked of the server.
 */
import { Widget } from "../loader/widget.ts";

declare const __VERSION__: string;

// Also read where there is no page, as on a server that renders one.
Widget.origin = { base: globalThis.location?.origin ?? "", panel: "" };
Widget.load = () => import("../panel/index.ts");

export { Widget };
export const VERSION: string = __VERSION__;
/** The page's widget: the first one made that still stands. */
export const getInstance = (): Widget | null => Widget.instance;
export const destroyInstance = (): void => Widget.instance?.destroy();
export type { WidgetError } from "../loader/widget.ts";
export type {
  Attachment,
  EventDetail,
  EventName,
  Identity,
  Listener,
  State,
  Theme,
  WidgetConfig,
  WidgetOptions,
} from "../types.ts";
