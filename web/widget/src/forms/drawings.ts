/** What the components here share: the desk, and line drawings of 24 × 24. */
import type { View } from "../panel/view.svelte.ts";
import type { Desk } from "./desk.svelte.ts";

export const useDesk = (view: View): Desk => view.forms!.desk;

export const DRAWINGS = {
  more: "M5.5 12h.1M12 12h.1M18.5 12h.1",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c1-3.5 4-5 7.5-5s6.5 1.5 7.5 5",
  ticket: "M4 6h16v4a2 2 0 0 0 0 4v4H4v-4a2 2 0 0 0 0-4ZM14 6v12",
  lead: "M4 6h16v12H4zM4 7l8 6 8-6",
  sound: "M5 9.5v5h3l4 4v-13l-4 4zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  silent: "M5 9.5v5h3l4 4v-13l-4 4zM16 9.5l5 5M21 9.5l-5 5",
  up: "M7 10.5v9H4v-9zM7 11l4-7.5c1.8 0 2.6 1.2 2.3 2.8L12.7 9.5h5.3c1.5 0 2.3 1 2 2.4l-1.3 6c-.3 1-1 1.6-2 1.6H7",
  down: "M7 13.5v-9H4v9zM7 13l4 7.5c1.8 0 2.6-1.2 2.3-2.8l-.6-3.2h5.3c1.5 0 2.3-1 2-2.4l-1.3-6c-.3-1-1-1.6-2-1.6H7",
  back: "M14.5 6l-6 6 6 6",
};
