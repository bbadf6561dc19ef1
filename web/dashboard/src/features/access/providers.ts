/** How a way to sign in is called: the operator gave it an id, in the file. */
const KNOWN: Record<string, string> = { auth0: "Auth0", github: "GitHub", gitlab: "GitLab", oidc: "OpenID Connect" };

export function title(id: string): string {
  return KNOWN[id] ?? id.split(/[-_]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}
