/** Who is signed in and in which workspace they work: the one piece of state that every page shares. */
import { ApiError, createApi, type SessionState, unwrap, type User, type Workspace } from "@illumichat/api";

export const api = createApi();

const STORED = "illumichat.workspace";

class CurrentSession {
  status = $state<"loading" | "out" | "in" | "unreachable">("loading");
  user = $state.raw<User | null>(null);
  workspaces = $state.raw<Workspace[]>([]);
  #workspaceId = $state<string | null>(null);

  workspace = $derived(this.workspaces.find((each) => each.id === this.#workspaceId) ?? this.workspaces[0] ?? null);

  /** The workspace in every address. Only read by pages that a signed-in person sees. */
  get workspaceId(): string {
    return this.workspace?.id ?? "";
  }

  /** Whether this person may change assistants, knowledge and settings here. */
  get mayEdit(): boolean {
    return this.workspace?.role === "owner" || this.workspace?.role === "admin";
  }

  /** Whether this person works here: with contacts, tickets and figures. Guests only see what they were shown. */
  get mayWork(): boolean {
    return this.workspace !== null && this.workspace.role !== "guest";
  }

  /** Asks the server who we are. */
  async load(): Promise<void> {
    try {
      await this.enter(await unwrap(api.GET("/api/auth/session")));
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 401) this.leave();
      else this.status = "unreachable";
    }
  }

  /** After a sign-in: who, and their workspaces. */
  async enter({ user }: SessionState): Promise<void> {
    if (!user) return this.leave();
    await this.reloadWorkspaces();
    this.user = user;
    this.status = "in";
  }

  async reloadWorkspaces(): Promise<void> {
    const list = await unwrap(api.GET("/api/workspaces", { params: { query: { limit: 100 } } }));
    this.workspaces = list.data;
    this.#workspaceId ??= read();
  }

  /** Forgets everything that belongs to the person. */
  leave(): void {
    this.user = null;
    this.workspaces = [];
    this.status = "out";
  }

  choose(workspaceId: string): void {
    this.#workspaceId = workspaceId;
    try {
      localStorage.setItem(STORED, workspaceId);
    } catch {
      // Storage is closed to us: the choice holds until the page is left.
    }
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

export const session = new CurrentSession();
