import { unwrap } from "@illumichat/api";
import { message } from "../components/submission.svelte.ts";
import { toast } from "../components/toasts.svelte.ts";
import { api, session } from "./session.svelte.ts";

/** Ends the session here and on the server. */
export async function signOut(): Promise<void> {
  try {
    await unwrap(api.POST("/api/auth/signout"));
    session.leave();
  } catch (cause) {
    toast(message(cause), "bad");
  }
}
