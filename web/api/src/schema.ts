/**
 * The server's operations and resources, as `openapi-typescript` writes them down. `npm run generate` replaces this file
 * once `openapi.json` stands beside it; until then it follows the written contract by hand. Nothing outside this
 * workspace imports it: `types.ts` gives the names.
 */

type Json<T> = { content: { "application/json": T } };
type Empty = { content?: never };
type Failures = { default: Json<components["schemas"]["Problem"]> };

/** One operation: path and query parameters, body, and what a success answers. */
type Op<Ok, Path = never, Query = never, Body = never> = {
  parameters: {
    query?: [Query] extends [never] ? never : Query;
    header?: { "If-Match"?: string };
    cookie?: never;
  } & ([Path] extends [never] ? { path?: never } : { path: Path });
  responses: { 200: [Ok] extends [never] ? Empty : Json<Ok> } & Failures;
} & ([Body] extends [never] ? { requestBody?: never } : { requestBody: Json<Body> });
type Ws = { ws: string };
type InWs = { ws: string; id: string };
type Page = { limit?: number; offset?: number };
type S = components["schemas"];
type List<T> = { data: T[]; total: number; limit: number; offset: number };

export interface paths {
  "/api/auth/setup": { post: Op<S["Session"], never, never, S["Setup"]> };
  "/api/auth/signin/credentials": { post: Op<S["Session"], never, never, S["Credentials"]> };
  "/api/auth/signin/link": { post: Op<S["Session"], never, never, { token: string }> };
  "/api/auth/session": { get: Op<Partial<S["Session"]>> };
  "/api/auth/signout": { post: Op<never> };
  "/api/me": { get: Op<S["User"]>; patch: Op<S["User"], never, never, { name?: string }> };
  "/api/workspaces": { get: Op<List<S["Workspace"]>, never, Page> };
  "/api/workspaces/{ws}": {
    get: Op<S["Workspace"], Ws>;
    patch: Op<S["Workspace"], Ws, never, Partial<Pick<S["Workspace"], "name" | "description" | "defaultModel">>>;
  };
  "/api/workspaces/{ws}/assistants": {
    get: Op<List<S["Assistant"]>, Ws, Page>;
    post: Op<S["Assistant"], Ws, never, S["AssistantInput"]>;
  };
  "/api/workspaces/{ws}/assistants/{id}": {
    get: Op<S["Assistant"], InWs>;
    patch: Op<S["Assistant"], InWs, never, S["AssistantInput"]>;
    delete: Op<never, InWs>;
  };
  "/api/workspaces/{ws}/assistants/{id}/projects": {
    get: Op<{ data: S["ConnectedProject"][] }, InWs>;
    post: Op<{ data: S["ConnectedProject"] }, InWs, never, { projectId: string }>;
  };
  "/api/workspaces/{ws}/assistants/{id}/projects/{projectId}": {
    delete: Op<never, InWs & { projectId: string }>;
  };
  "/api/workspaces/{ws}/projects": {
    get: Op<List<S["Project"]>, Ws, Page>;
    post: Op<S["Project"], Ws, never, S["ProjectInput"]>;
  };
  "/api/workspaces/{ws}/projects/{id}": {
    get: Op<S["Project"], InWs>;
    patch: Op<S["Project"], InWs, never, Partial<S["ProjectInput"]>>;
    delete: Op<never, InWs>;
  };
  "/api/workspaces/{ws}/projects/{id}/documents": {
    get: Op<List<S["Document"]>, InWs, Page & { status?: S["DocumentStatus"]; q?: string }>;
    post: Op<S["Document"], InWs, never, { title: string; text: string } | { url: string }>;
  };
  "/api/workspaces/{ws}/projects/{id}/documents/{document}": {
    get: Op<S["Document"], InWs & { document: string }>;
    patch: Op<S["Document"], InWs & { document: string }, never, { title: string }>;
    delete: Op<never, InWs & { document: string }>;
  };
  "/api/workspaces/{ws}/projects/{id}/documents/{document}/chunks": {
    get: Op<List<S["DocumentChunk"]>, InWs & { document: string }, Page>;
  };
  "/api/workspaces/{ws}/projects/{id}/documents/{document}/reprocess": {
    post: Op<S["Document"], InWs & { document: string }>;
  };
  "/api/workspaces/{ws}/projects/{id}/search": {
    post: Op<S["SearchResult"], InWs, never, { query: string; limit?: number; mode?: S["SearchMode"] }>;
  };
  "/api/workspaces/{ws}/conversations": {
    get: Op<List<S["Conversation"]>, Ws, Page & { assistantId?: string; channel?: string; status?: string; q?: string }>;
  };
  "/api/workspaces/{ws}/conversations/{id}": { get: Op<S["Conversation"], InWs>; delete: Op<never, InWs> };
  "/api/workspaces/{ws}/conversations/{id}/messages": {
    get: Op<List<S["Message"]>, InWs, { before?: string; limit?: number; offset?: number }>;
  };
  "/api/workspaces/{ws}/tokens": {
    get: Op<List<S["Token"]>, Ws, Page>;
    post: Op<S["Token"] & { token: string }, Ws, never, { name: string; expiresAt?: string | null }>;
  };
  "/api/workspaces/{ws}/tokens/{id}": { delete: Op<never, InWs> };
  "/api/workspaces/{ws}/models": { get: Op<{ data: S["Model"][] }, Ws> };
}

export interface components {
  schemas: {
    Problem: { error: string; code: string; details?: Record<string, string> };
    User: { id: string; name: string; email: string; createdAt?: string };
    Session: { user: components["schemas"]["User"]; expires: string };
    Setup: { token: string; name: string; email: string; password: string; workspace: string };
    Credentials: { email: string; password: string; remember?: boolean; code?: string };
    Role: "owner" | "admin" | "member" | "guest";
    Workspace: {
      id: string;
      name: string;
      slug: string;
      description: string | null;
      plan: string;
      role: components["schemas"]["Role"];
      defaultModel: string | null;
      allowedModels: string[];
      memberCount: number;
      assistantCount: number;
      createdAt: string;
      updatedAt: string;
    };
    Visibility: "public" | "workspace" | "private";
    AnswerMode: "grounded" | "open";
    Widget: { domains?: string[] } & Record<string, unknown>;
    Assistant: {
      id: string;
      name: string;
      instructions: string;
      description?: string | null;
      model: string;
      modelInherited?: boolean;
      modelStatus?: string | null;
      visibility: components["schemas"]["Visibility"];
      temperature: number;
      maxTokens: number;
      welcomeMessage: string | null;
      widgetEnabled: boolean;
      projectCount: number;
      answerMode?: components["schemas"]["AnswerMode"] | null;
      fallbackMessage?: string | null;
      suggestedQuestions?: string[];
      widget?: components["schemas"]["Widget"];
      createdBy?: string;
      createdAt: string;
      updatedAt: string;
    };
    AssistantInput: {
      name?: string;
      instructions?: string;
      description?: string | null;
      model?: string | null;
      visibility?: components["schemas"]["Visibility"];
      temperature?: number;
      maxTokens?: number;
      welcomeMessage?: string | null;
      widgetEnabled?: boolean;
      answerMode?: components["schemas"]["AnswerMode"] | null;
      fallbackMessage?: string | null;
      suggestedQuestions?: string[];
      widget?: components["schemas"]["Widget"];
    };
    ConnectedProject: { id: string; name: string; documentCount: number; connectedAt: string };
    ProjectVisibility: "workspace" | "private";
    Project: {
      id: string;
      name: string;
      description: string | null;
      visibility: components["schemas"]["ProjectVisibility"];
      documentCount: number;
      chunkCount: number;
      bytes: number;
      status: string;
      createdAt: string;
      updatedAt: string;
    };
    ProjectInput: {
      name: string;
      description?: string | null;
      visibility?: components["schemas"]["ProjectVisibility"];
    };
    DocumentStatus: "pending" | "processing" | "completed" | "failed";
    Document: {
      id: string;
      projectId: string;
      title: string;
      source: "upload" | "text" | "url" | "crawl";
      filename: string | null;
      mimeType: string;
      bytes: number;
      sha256?: string;
      status: components["schemas"]["DocumentStatus"];
      error: string | null;
      progress: number;
      chunkCount: number;
      tokenCount: number;
      url: string | null;
      createdAt: string;
      updatedAt: string;
    };
    Uploaded: {
      data: components["schemas"]["Document"][];
      errors: { filename: string; code: string; error: string }[];
    };
    DocumentChunk: {
      ordinal: number;
      headings: string[];
      text: string;
      start: number;
      end: number;
      page?: number | null;
      tokens: number;
    };
    SearchMode: "hybrid" | "keyword" | "vector";
    Signal: { rank: number; score: number };
    Hit: {
      documentId: string;
      projectId: string;
      title: string;
      url?: string | null;
      ordinal: number;
      headings: string[];
      text: string;
      start: number;
      end: number;
      page?: number | null;
      score: number;
      keyword?: components["schemas"]["Signal"] | null;
      vector?: components["schemas"]["Signal"] | null;
    };
    SearchResult: { data: components["schemas"]["Hit"][]; confidence: number; minConfidence: number; answerable: boolean };
    Channel: "api" | "dashboard" | "widget" | "sms" | "site";
    Conversation: {
      id: string;
      title: string | null;
      assistantId: string;
      channel: components["schemas"]["Channel"];
      status: "open" | "pending" | "closed";
      handler: "ai" | "human";
      messageCount: number;
      createdAt: string;
      updatedAt: string;
      lastMessageAt: string | null;
    };
    Source: {
      index: number;
      documentId: string;
      title: string;
      url: string | null;
      page: number | null;
      snippet: string;
      score: number;
    };
    Message: {
      id: string;
      role: "user" | "assistant" | "agent" | "note" | "event";
      content: string;
      author?: unknown;
      sources?: components["schemas"]["Source"][] | null;
      citations?: { index: number; start: number; end: number }[] | null;
      status?: string | null;
      createdAt: string;
    };
    Token: {
      id: string;
      name: string;
      lastFour: string;
      createdAt: string;
      lastUsedAt: string | null;
      expiresAt: string | null;
    };
    Model: {
      id: string;
      name: string;
      provider: string;
      offline: boolean;
      contextTokens: number | null;
      allowed: boolean;
      available: boolean;
      reason?: string | null;
      default: boolean;
    };
  };
}
