/** Whether one may change what is in a project: its editors and the admins may. */
import { createQuery } from "@tanstack/svelte-query";
import { session } from "../../session/session.svelte.ts";
import { getProject } from "./queries.ts";

/** Of a component: until the project is known, what holds for all of the workspace. */
export function editRights(projectId: string): { readonly allowed: boolean } {
  const project = createQuery(() => getProject(session.workspaceId, projectId));
  return {
    get allowed() {
      return project.data?.canEdit ?? session.mayEdit;
    },
  };
}
