/**
 * `widget.js`: what a page loads. Sets `window.IllumiChat`, and makes the widget of the script tag that it came with:
 * `<script src="https://…/widget.js" data-assistant-id="ast_…" async></script>`
 */
import type { WidgetOptions } from "../types.ts";
import { Widget } from "./widget.ts";

declare const __PANEL__: string;
declare const __VERSION__: string;

interface Sdk {
  Widget: new (options: WidgetOptions) => Widget;
  getInstance(): Widget | null;
  destroyInstance(): void;
  VERSION: string;
}
declare global {
  interface Window {
    IllumiChat?: Sdk;
  }
}

const tag =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>('script[data-assistant-id][src*="widget.js"]');
Widget.origin = { base: new URL(".", tag?.src || location.href).href.replace(/\/$/, ""), panel: __PANEL__ };

/** Makes the widget that a script tag asks for. */
function fromTag({ dataset }: HTMLScriptElement, sdk: Sdk): void {
  const open = "open" in dataset && dataset.open !== "false";
  const widget = new sdk.Widget({ ...dataset, open } as unknown as WidgetOptions);
  // A script tag has nobody to catch it: the console, and the `error` event, say why.
  widget.initialize().catch((error: Error) => console.warn(error.message));
}

const sdk = (window.IllumiChat ??= {
  Widget,
  VERSION: __VERSION__,
  getInstance: () => Widget.instance,
  destroyInstance: () => Widget.instance?.destroy(),
});
// The script again, as a tag manager or a page's own navigation brings it: the widget that stands, stays.
if (tag?.dataset.assistantId && (tag.dataset.container || !sdk.getInstance())) fromTag(tag, sdk);
